"""Settings of net.ipv4.vs: their values checked, and written as the kernel writes them."""

from __future__ import annotations

import re
from typing import Final, assert_never

from lvstui.core.catalogue import SETTINGS, Kind, Setting
from lvstui.core.fields import FieldError, visible

__all__ = ["SETTINGS", "Kind", "Setting", "doubt", "name", "read", "same", "slip", "typed", "writable"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}")
_CPUS: Final = re.compile(r"([0-9]+(-[0-9]+(:[0-9]+/[0-9]+)?)?(,(?!$)|$))*")
_TEXT_MAX: Final = 1000

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,18}")
_INTEGER_MAX: Final = 2**63 - 1
"""The largest whole number that every reader of TOML takes."""


def name(text: str) -> str:
    """Check the last name of a setting, which becomes the name of a file of the kernel. Raises `FieldError`."""
    if not _NAME.fullmatch(text):
        shown = visible(text[:60])
        raise FieldError(shown, "is no name of a setting of net.ipv4.vs; write one such as expire_nodest_conn")
    return text


def read(setting: str, text: str) -> str:
    """Check the value of a setting and write it as the kernel does; of an unknown setting any line is right.

    Raises `FieldError` for what the kernel refuses, or takes as something else: `1 2` for one number.
    """
    plain = " ".join(text.split())
    known = SETTINGS.get(setting)
    if known is None:
        return _line(setting, plain)
    if known.read_only:
        raise FieldError(setting, "can be read only")
    match known.kind:
        case Kind.NUMBER | Kind.POWER:
            return _number(known, plain)
        case Kind.PAIR:
            return _pair(known, plain)
        case Kind.CPUS:
            if len(plain) > _TEXT_MAX or not _CPUS.fullmatch(plain):
                raise _wrong(known, plain)
            return plain
        case _:
            assert_never(known.kind)


def typed(text: str) -> str | int:
    """Return a value as a number where it is one, for files in which numbers and texts differ."""
    number = int(text) if _INTEGER.fullmatch(text) else None
    return text if number is None or abs(number) > _INTEGER_MAX else number


def writable(setting: str) -> bool:
    """Return whether a setting can be written; one that is not known can be tried."""
    known = SETTINGS.get(setting)
    return known is None or not known.read_only


def doubt(setting: str, text: str) -> str:
    """Return a sentence about a value that the kernel takes though it means nothing there, empty for any other."""
    known = SETTINGS.get(setting)
    if known is None or known.kind is Kind.CPUS:
        return ""
    least, most = known.sensible
    if all(least <= int(number) <= most for number in text.split()):
        return ""
    return f"{visible(text)} means nothing to the kernel, though it takes it; give {known.takes}"


def slip(setting: str) -> str:
    """Return a question about an unknown name that is close to a known one, empty for any other."""
    if setting in SETTINGS:
        return ""
    from difflib import get_close_matches  # 5 ms that only an unknown name costs

    near = get_close_matches(setting, SETTINGS, n=1, cutoff=0.85)
    return f"lvstui knows no such setting; is {near[0]} meant?" if near else ""


def same(setting: str, one: str | None, other: str | None) -> bool:
    """Return whether two values are the same setting: the kernel itself moves automatic defences between 1 and 2."""
    known = SETTINGS.get(setting)
    moves = known is not None and known.automatic and one in ("1", "2") and other in ("1", "2")
    return moves or one == other


def _wrong(known: Setting, text: str) -> FieldError:
    shown = visible(text)
    return FieldError(known.name, f'must be {known.takes}, not "{shown[:60]}"')


def _line(setting: str, text: str) -> str:
    if len(text) > _TEXT_MAX or not text.isprintable():
        raise FieldError(setting, f"must be one line of at most {_TEXT_MAX} plain characters")
    return text


def _number(known: Setting, text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise _wrong(known, text)
    number = int(text)
    least, most = known.limits
    if not least <= number <= most or (known.kind is Kind.POWER and number.bit_count() != 1):
        raise _wrong(known, text)
    return str(number)


def _pair(known: Setting, text: str) -> str:
    words = text.split()
    if len(words) != 2 or not all(map(_NUMBER.fullmatch, words)):
        raise _wrong(known, text)
    first, second = map(int, words)
    least, most = known.limits
    if not (least <= first <= most and least <= second <= most) or 0 < second <= first:
        raise _wrong(known, text)
    return f"{first} {second}"
