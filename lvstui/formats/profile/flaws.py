"""What is wrong in a file of TOML: each flaw by its path, as a mistake by its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lvstui.core.mistake import Mistake, Severity, in_order
from lvstui.formats.profile.places import Path, line_of


class ProfileError(Exception):
    """A profile that cannot be read or saved, with a sentence, or with all the mistakes in it by their lines.

    The first mistake that is no mere warning is the message then.
    """

    def __init__(self, first: str | Mistake, *others: Mistake) -> None:
        if isinstance(first, str):
            self.mistakes: tuple[Mistake, ...] = ()
            super().__init__(first)
            return
        self.mistakes = (first, *others)
        worst = next((one for one in self.mistakes if one.severity is Severity.ERROR), first)
        more = f" (and {len(others)} more; `lvstui check FILE` lists them)" if others else ""
        super().__init__(f"{worst}{more}")


class Flaw(NamedTuple):
    """One wrong value, and the way to it.

    `needs` are the ways to others without which it would not be wrong; `hides` says that nothing is known of its value,
    `absent` that it is not there.
    """

    path: Path
    sentence: str
    severity: Severity = Severity.ERROR
    needs: tuple[Path, ...] = ()
    hides: bool = True
    absent: bool = False


class Flaws:
    """Collects flaws; what only follows from another one is left out of the mistakes in the end."""

    def __init__(self) -> None:
        self.found: list[Flaw] = []
        self._meant: set[Path] = set()

    def note(self, path: Path, sentence: str, *, needs: tuple[Path, ...] = (), hides: bool = True) -> None:
        """Note that the value at `path` is wrong."""
        self.found.append(Flaw(path, sentence, needs=needs, hides=hides))

    def missing(self, path: Path, sentence: str, *, hides: bool = True) -> None:
        """Note that the value at `path` is not there: no flaw where a key that is wrong was meant to be it."""
        self.found.append(Flaw(path, sentence, hides=hides, absent=True))

    def is_meant(self, path: Path) -> bool:
        """Return whether something wrong was meant to be the value at `path`."""
        return path in self._meant

    def mean(self, path: Path) -> None:
        """Note that something wrong was meant to be the value at `path`, so that nothing is known of it."""
        self._meant.add(path)

    def mistakes(self, source: str, places: Mapping[Path, int]) -> tuple[Mistake, ...]:
        """Return all flaws as mistakes of a text, in the order of its lines; `places` are those of its values."""
        return in_order(
            Mistake(source, line_of(flaw.path, places), field_of(flaw.path), flaw.sentence, flaw.severity)
            for flaw in self._causes()
        )

    def _causes(self) -> Iterator[Flaw]:
        """Yield the flaws that follow from no other one."""
        wrong = {flaw.path for flaw in self.found if flaw.hides} | self._meant
        within = {path[:length] for path in wrong for length in range(len(path))}
        for flaw in self.found:
            if flaw.absent:
                follows = flaw.path in self._meant
            else:
                follows = any(
                    need in wrong or need in within or any(need[:length] in wrong for length in range(len(need)))
                    for need in flaw.needs
                )
            if not follows:
                yield flaw


def field_of(path: Path) -> str:
    """Name the field that a path leads to by its keys below the service or server that the line leads to."""
    last_item = max((place for place, part in enumerate(path) if isinstance(part, int)), default=-1)
    own = path[last_item + 1 :] or path[max(last_item - 1, 0) : last_item]
    return ".".join(map(str, own))
