"""What is to become of weights, as it is typed on the screens and on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from lvstui.core import fields
from lvstui.core.attributes import SERVER
from lvstui.core.fields import FieldError
from lvstui.core.model import RealServer

Rule: TypeAlias = Callable[[RealServer, int], int | None]
"""From a server, and the weight it has or is going to have, to its new weight; None leaves it as it is."""

WEIGHTS: Final = "must be a whole number, +2 -1 50% *1.5 drain or restore"

_STEP: Final = re.compile(r"([+-])(\d{1,10})")
_FACTOR: Final = re.compile(r"\*(\d{1,6}(?:\.\d{1,6})?)|(\d{1,6}(?:\.\d{1,6})?)%")


def weight_rule(text: str) -> Rule:
    """Read what is to become of weights: `5`, `+2`, `-1`, `50%`, `*1.5`, `drain` or `restore`.

    Steps and factors leave a drained server drained, and a factor never drains one. Raises `FieldError`.
    """
    text = text.strip().lower()
    if text == "drain":
        return drain
    if text in ("restore", "resume"):
        return restore
    if match := _STEP.fullmatch(text):
        return step(int(match[1] + match[2]))
    if match := _FACTOR.fullmatch(text):
        factor = float(match[1]) if match[1] else float(match[2]) / 100
        return lambda _, weight: max(int(weight * factor + 0.5), 1 if factor else 0) if weight else None
    if not text.isascii() or not text.isdigit():
        raise FieldError("weight", f"{WEIGHTS}, not {fields.quote(text)}")
    weight = SERVER.number("weight", text)
    return lambda _, __: weight


def step(by: int, *, revive: bool = False) -> Rule:
    """Return the rule that adds to weights; drained servers stay drained unless they are to be revived."""
    return lambda _, weight: weight + by if weight or revive else None


def drain(_: RealServer, __: int) -> int:
    """Let a server get no new clients."""
    return 0


def restore(server: RealServer, _: int) -> int | None:
    """Return a drained server to the weight that is remembered for it, or to 1."""
    return (server.resume or 1) if server.weight == 0 else server.weight
