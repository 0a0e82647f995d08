"""Reads a profile: TOML into a director, by the short cut where it is sure, else with every mistake by its line."""

from __future__ import annotations

from contextlib import suppress

from lvstui.core.model import Director
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.shortcut import Uncertain, read_quickly
from lvstui.formats.profile.syntax import refuse_long_keys


def loads(text: str, source: str) -> Director:
    """Read a profile; `source` names it in errors.

    Raises `ProfileError` with every mistake in the text.
    """
    refuse_long_keys(text, source)
    with suppress(Uncertain, ValueError, RecursionError):
        return read_quickly(text)
    return read_thoroughly(text, source)


def read_thoroughly(text: str, source: str) -> Director:
    """Read a profile with tomllib alone, as `loads` does where the short cut is not sure; raises `ProfileError`."""
    from lvstui.formats.profile.examine import examine  # with the rules, which a sound one does not need

    found = examine(text, source)
    if not found.whole:
        raise ProfileError(*found.mistakes)
    return found.director
