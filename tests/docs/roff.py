"""Our Markdown as a manual page: headings, paragraphs, lists, indented lines, and tables as lists of terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

_SIGNS: Final = {
    "\\": "\\e",
    "^": "\\(ha",
    "~": "\\(ti",
    "`": "\\(ga",
    "…": "...",
}
_WIDTH: Final = 68
"""Columns of an example: with its margin it fits a terminal of 80."""

_BULLET: Final = "\\(bu"
_CODE_SIGNS: Final = {**_SIGNS, "-": "\\-", "'": "\\(aq", '"': "\\(dq"}

_INLINE: Final = re.compile(
    r"(?P<fence>`+)(?P<code>.+?)(?P=fence)|\[(?P<link>[^\]]+)\]\([^)]*\)|\*\*(?P<bold>.+?)\*\*|\*(?P<italic>[^*\s][^*]*?)\*"
)
_COMMENT: Final = re.compile(r"<!--.*?-->\n?")
_ITEM: Final = re.compile(r"(?:-|\d+\.) +")
_NAMED: Final = ("default", "since")
"""Heads of columns that a cell does not explain by itself."""
_CELL: Final = re.compile(r"(?<!\\)\|")
_UPPER: Final = re.compile(r"[A-Z][A-Z:_]*(?:=[A-Z]+)?(?![a-z])")


def page(markdown: str, *, section: str = "## ", subsection: str = "### ") -> str:
    """Return Markdown as the body of a manual page; `section` and `subsection` begin its headings."""
    lines: list[str] = []
    for block in re.split(r"\n{2,}", _COMMENT.sub("", markdown).strip("\n")):
        if not block.strip():
            continue
        if block.startswith(section):
            lines.append(f'.SH "{_text(block.removeprefix(section).upper(), _CODE_SIGNS)}"')
        elif block.startswith(subsection):
            lines.append(f'.SS "{_text(block.removeprefix(subsection).replace("`", ""), _CODE_SIGNS)}"')
        elif block.startswith("    "):
            lines += literal("\n".join(_narrow([line[4:] for line in block.splitlines()]))).splitlines()
        elif block.startswith("| "):
            lines += _terms(block)
        elif _ITEM.match(block):
            lines += _items(block)
        else:
            lines += [".PP", inline(" ".join(block.split()))]
    return "".join(f"{line}\n" for line in lines)


def inline(text: str) -> str:
    """Return a text with code in bold, and links by their names."""
    shown, at = "", 0
    for match in _INLINE.finditer(text):
        shown += _text(text[at : match.start()], _SIGNS)
        at = match.end()
        if match["code"]:
            shown += f"\\fB{_whole(match['code'])}\\fR"
        elif match["link"]:
            shown += inline(match["link"])
        elif match["bold"]:
            shown += f"\\fB{inline(match['bold'])}\\fR"
        else:
            shown += f"\\fI{_text(match['italic'], _SIGNS)}\\fR"
    shown += _text(text[at:], _SIGNS)
    return f"\\&{shown}" if shown[:1] in (".", "'") else shown


def _text(text: str, signs: dict[str, str]) -> str:
    shown = "".join(signs.get(character, character) for character in text)
    assert shown.isascii(), shown
    return shown


def _whole(code: str) -> str:
    """Return code, none of whose words is broken at the end of a line."""
    return " ".join(f"\\%{_text(word, _CODE_SIGNS)}" if word else "" for word in code.split(" "))


def _narrow(lines: Sequence[str]) -> Iterator[str]:
    """Put what is said behind commands above them where that would be too wide, and break long usages."""
    wide = any(len(line) > _WIDTH for line in lines)
    for line in lines:
        command, mark, words = line.partition("  # ")
        if wide and mark:
            yield f"# {words}"
        shown = command.rstrip() if wide else line
        yield from wrap(shown, _WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def literal(text: str) -> str:
    """Return lines as they stand, set off by four columns."""
    lines = [_text(line.rstrip(), _CODE_SIGNS) for line in text.splitlines()]
    shown = [f"\\&{line}" if line[:1] in (".", "'") else line for line in lines]
    return "".join(f"{line}\n" for line in (".PP", ".RS 4", ".EX", *shown, ".EE", ".RE"))


def _items(block: str) -> Iterator[str]:
    items: list[str] = []
    for line in block.splitlines():
        if _ITEM.match(line):
            items.append(line)
        else:
            items[-1] += f" {line.strip()}"
    for item in items:
        mark, _, text = item.partition(" ")
        yield f".IP {_BULLET if mark == '-' else mark} 3"
        yield inline(text.strip())


def _terms(block: str) -> Iterator[str]:
    heads, _, *rows = (_cells(line) for line in block.splitlines())
    for row in rows:
        yield ".TP"
        yield _tag(row[0])
        yield inline(_told(heads, row)) or "\\&"


def _cells(line: str) -> Sequence[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]


def _tag(cell: str) -> str:
    """Return a term in bold, with what somebody puts in its place in italics."""
    text = cell.replace("`", "")
    shown, at = "", 0
    for match in _UPPER.finditer(text):
        if text[: match.start()].endswith("-"):  # an option of one capital
            continue
        shown += f"\\fB{_text(text[at : match.start()], _CODE_SIGNS)}\\fI{_text(match[0], _CODE_SIGNS)}"
        at = match.end()
    return f"{shown}\\fB{_text(text[at:], _CODE_SIGNS)}\\fR"


def _told(heads: Sequence[str], row: Sequence[str]) -> str:
    """Return what a row says of its term: its last cell, and what stands between by the heads."""
    between = [
        f"{head} {cell}" if head in _NAMED and cell != "has to be there" else cell
        for head, cell in zip(heads[1:-1], row[1:-1], strict=True)
        if cell and not (head == "default" and cell == "none")
    ]
    return f"{row[-1]} ({'; '.join(between)})" if between else row[-1]
