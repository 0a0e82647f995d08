"""Which schedulers this kernel has: loaded as a module, or there to be loaded when a service asks for one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from lvstui.kernel.refusals import ENGINES, SCHEDULERS

MODULES = Path("/lib/modules")
LOADED = Path("/proc/modules")

_MODULE = re.compile(r"(?:^|/)ip_vs_(\w+?)(?:\.ko(?:\.\w+)?:?.*)?$")
_NO_SCHEDULERS = frozenset(f"pe_{engine}" for engine in ENGINES if engine) | {"ftp"}


def find_schedulers(loaded: Path = LOADED, modules: Path = MODULES, release: str = "") -> tuple[str, ...]:
    """Return the schedulers that are loaded, built in or installed for the running kernel, in alphabetical order.

    Where nothing can be found out (a kernel without modules) all schedulers of Linux are returned: the kernel refuses
    one that it lacks with a sentence.
    """
    folder = modules / (release or os.uname().release)
    lines = [*_first_words(loaded), *_first_words(folder / "modules.dep"), *_first_words(folder / "modules.builtin")]
    found = set(_schedulers(lines))
    return tuple(sorted(found or SCHEDULERS - {"none"}))


def _first_words(path: Path) -> Iterator[str]:
    try:
        text = path.read_text()
    except OSError:
        return
    for line in text.splitlines():
        yield line.partition(" ")[0]


def _schedulers(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        found = _MODULE.search(name)
        if found and found[1] not in _NO_SCHEDULERS:
            yield found[1]
