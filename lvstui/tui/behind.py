"""The names behind Textual's public face that the screens use, and what they do where Textual no longer has one."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Final

_TESTED: Final = "8.2.8"

_IMPORTED: Final = (
    "textual._compositor:ChopsUpdate",
    "textual._compositor:CompositorUpdate",
    "textual._compositor:LayoutUpdate",
    "textual._xterm_parser:XTermParser",
    "textual.drivers.linux_driver:LinuxDriver",
)
"""Without one of these there are no screens."""

KEYBOARD: Final = (
    "textual.driver:Driver._app",
    "textual.drivers.linux_driver:LinuxDriver._run_input_thread",
    "textual.drivers.linux_driver:LinuxDriver.run_input_thread",
    "textual.drivers.linux_driver:LinuxDriver.exit_event",
    "textual.drivers.linux_driver:LinuxDriver.fileno",
    "textual._xterm_parser:XTermParser.feed",
)
"""Without one of these Textual's own driver reads the keys."""

OUTPUT: Final = (
    "textual.app:App._driver",
    "textual.drivers.linux_driver:LinuxDriver._writer_thread",
    "textual.drivers._writer_thread:WriterThread._queue",
)
"""Without one of these a frame is sent also while the terminal is behind."""

DISPATCH: Final = (
    "textual.app:App._handle_exception",
    "textual.app:App._display",
    "textual.message:Message._stop_propagation",
    "textual.message_pump:MessagePump._dispatch_message",
)
"""Without one of these Textual goes its own way there: it ends at an error of a widget, or paints whole frames."""


def lacks(*names: str) -> tuple[str, ...]:
    """Return those of the names that Textual does not have; a name is `module:Class` or `module:Class.attribute`."""
    return tuple(name for name in names if not _has(name))


def refusal() -> str:
    """Return why there can be no screens with this Textual, "" where there can."""
    missing = lacks(*_IMPORTED)
    return f"{_differs(missing)}; install that one (pip install textual=={_TESTED})" if missing else ""


def warning() -> str:
    """Return what the screens do without, "" where this Textual has all of it."""
    missing = lacks(*KEYBOARD, *OUTPUT, *DISPATCH)
    return f"{_differs(missing)}; Textual's own way is taken there" if missing else ""


def _differs(missing: tuple[str, ...]) -> str:
    names = ", ".join(name.rpartition(":")[2] for name in missing)
    return f"textual {version('textual')} differs from {_TESTED}, which lvstui is tested with: it has no {names}"


def _has(name: str) -> bool:
    module, _, path = name.partition(":")
    owner, _, attribute = path.partition(".")
    try:
        holder: object = getattr(import_module(module), owner)
    except (ImportError, AttributeError):
        return False
    # An attribute of the instance is one that its __init__ names.
    code: object = getattr(getattr(holder, "__init__", None), "__code__", None)
    return not attribute or hasattr(holder, attribute) or attribute in getattr(code, "co_names", ())
