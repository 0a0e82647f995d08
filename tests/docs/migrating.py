"""The commands of docs/migrating.md, section by section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.docs.parts import ROOT


def commands() -> Mapping[str, Sequence[str]]:
    """Return the command lines of each section, by its title."""
    text = (ROOT / "docs/migrating.md").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for section in text.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        found[title] = [line.strip() for line in body.splitlines() if line.startswith("    ")]
    return found


def lengths() -> Mapping[str, int]:
    """Return how many lines each section has below its title, empty ones aside."""
    text = (ROOT / "docs/migrating.md").read_text(encoding="utf-8")
    sections = (section.partition("\n") for section in text.split("\n## ")[1:])
    return {title: sum(bool(line.strip()) for line in body.splitlines()) for title, _, body in sections}
