"""Campaigns: attacks on lvstui that find more the longer they run, with figures.

A campaign is a module of this folder (what it needs stands in folders) with a docstring, whose first line is shown, and

    def run(seconds: float, seed: int) -> Iterator[Report]

which ends after about `seconds`. One that needs a guest of the lab names it: `NEEDS = "uml"` or `NEEDS = "full"`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Protocol, cast


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one kind of attack; `first` says how to repeat the first failure, empty where there is none."""

    name: str
    tried: int
    failed: int
    first: str = ""


class Campaign(Protocol):
    """What a module of this folder offers."""

    __doc__: str | None

    def run(self, seconds: float, seed: int) -> Iterator[Report]:
        """Attack for about so many seconds, the same way for the same seed."""


def names() -> list[str]:
    """Return the names of all campaigns."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return sorted(name for name in found if name != "__main__" and not name.startswith("test_"))


def needs(name: str) -> str:
    """Return where a campaign has to run: "host", or in the guest "uml" or "full"."""
    return str(getattr(_module(name), "NEEDS", "host"))


def load(name: str) -> Campaign:
    """Return a campaign."""
    return cast(Campaign, _module(name))


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")
