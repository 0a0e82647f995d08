"""Parts of a document that are made: each stands between a line that names it and one that ends it.

<!-- `make docs` writes this: NAME -->
...
<!-- end of NAME -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_PART: Final = re.compile(r"^<!-- `make docs` writes this: (\S+) -->\n(?:.*\n)*?<!-- end of \1 -->$", re.MULTILINE)


def documents() -> Sequence[Path]:
    """Return the documents in which parts may be made, or links and commands checked."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def names(text: str) -> Sequence[str]:
    """Return the names of the parts of a document, in its order."""
    return _PART.findall(text)


def filled(text: str, makers: Mapping[str, Callable[[], str]]) -> str:
    """Return a document with each of its parts made anew; raise `KeyError` for a name that nobody makes."""

    def fill(part: re.Match[str]) -> str:
        name = part[1]
        return f"<!-- `make docs` writes this: {name} -->\n\n{makers[name]().strip()}\n\n<!-- end of {name} -->"

    return _PART.sub(fill, text)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; cells are plain text or Markdown of one line."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(text: str) -> str:
    """Return a text as code in Markdown; nothing for an empty one."""
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}" if text else ""
