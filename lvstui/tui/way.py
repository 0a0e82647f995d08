"""The way back: what was left behind at each step from one view on to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lvstui.tui.views.table_view import K, L, TableView
from lvstui.tui.views.view import View


@dataclass(frozen=True, slots=True)
class Step:
    """A view that was left, the names of what led on from there, and what shows the view again as it was."""

    view: View
    path: tuple[str, ...]
    restore: Callable[[], None]


class Way:
    """The steps that led from view to view, the latest one last; none after a view was opened by itself."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    @property
    def path(self) -> tuple[str, ...]:
        """The views and names that led here, in order."""
        return tuple(name for step in self._steps for name in (step.view.NAME.capitalize(), *step.path))

    def leave(self, view: View) -> None:
        """Note how a view is looked at now, before another one is shown."""
        if isinstance(view, TableView):
            self._steps.append(Step(view, _names(view), _bookmark(view)))
        else:
            self._steps.append(Step(view, (), view.redraw))

    def back(self) -> Step | None:
        """Take the latest step away; None where there is none."""
        return self._steps.pop() if self._steps else None

    def forget(self) -> None:
        """Forget all steps."""
        self._steps.clear()


def _names(view: TableView[K, L]) -> tuple[str, ...]:
    key = view.table.cursor_key
    return () if key is None else tuple(view.ROWS.path(view.snapshot, key))


def _bookmark(view: TableView[K, L]) -> Callable[[], None]:
    """Return what shows a view as it is now: the same rows in the same order, the cursor on the same one."""
    look, text, base, key = view.look, view.filter_text, view.base_filter, view.table.cursor_key

    def restore() -> None:
        view.look, view.filter_text, view.base_filter = look, text, base
        view.redraw()
        if key is not None:
            view.table.move_to(key)

    return restore


def widen(view: View) -> None:
    """Have a view show all of its rows again, and no detail over them."""
    if isinstance(view, TableView):
        view.body.close()
        view.base_filter = ""
        if view.filter_text:
            view.narrow("")
