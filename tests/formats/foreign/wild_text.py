"""A keepalived.conf that says the same in other words: includes, conditions, definitions, lists, quotes, comments."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple

IDENTITY: Final = "lab"
"""What the conditions ask for."""

_COMMENTS: Final = ("", "", "", " # so", " ! so", "\t#", ' # "a quote', " # a { and a }")
_LOST: Final = "real_server 10.66.66.66 66 {}"


class Rewritten(NamedTuple):
    """A file, and those that it includes by their names."""

    text: str
    files: dict[str, str]


def rewritten(plain: str, seed: int) -> Rewritten:
    """Say a file in other words; the same seed says it in the same ones."""
    dice = Random(seed)
    files: dict[str, str] = {}
    rows: list[str] = []
    lines = plain.splitlines()
    place = 0
    while place < len(lines):
        size = dice.choice((1, 1, 1, 2, 3, 5))
        part = [line for line in lines[place : place + size] if line.strip()]
        place += size
        if not part:
            continue
        match dice.randrange(9):
            case 0:
                rows += _defined(dice, part, f"BLOCK{place}")
            case 1:
                rows += _conditional(dice, part)
            case 2:
                files[f"part{place}.conf"] = "\n".join(part) + "\n"
                rows.append(f"{dice.choice(('include', 'includer', 'includea'))} part{place}.conf")
            case 3:
                rows += _worded(dice, part, place)
            case 4:
                rows += [f"~LST(NOBODY, x) {line.strip()}" if _is_whole(line) else line for line in part]
            case 5:
                files[f"dir{place}/one.conf"] = "\n".join(part)
                rows += [f"$DIR=dir{place}", f"{dice.choice(('', '  '))}include ${{DIR}}/*.conf"]
            case _:
                rows += [_quoted(dice, line) for line in part]
    return Rewritten("\n".join(_dressed(dice, row) for row in rows) + "\n", files)


def _is_whole(line: str) -> bool:
    """Return whether a line can be worked on: it defines nothing and has no comment of its own."""
    return not line.lstrip().startswith(("$", "~", "@", "include")) and not set(line) & set('#!"\\')


def _defined(dice: Random, part: list[str], name: str) -> list[str]:
    """Put lines into a definition of many lines, and use it."""
    if not all(map(_is_whole, part)):
        return part
    inner = [f"{line}{dice.choice(('', '', ' # goes on'))} \\" for line in part]
    if dice.random() < 0.3:
        inner.insert(dice.randrange(len(inner) + 1), "# within \\")
    return [f"${name}= \\", *inner, "", dice.choice((f"${name}", f"  ${{{name}}}"))]


def _conditional(dice: Random, part: list[str]) -> list[str]:
    """Let lines count here, and others elsewhere."""
    sign = dice.choice((f"@{IDENTITY}", "@^elsewhere"))
    lost = [f"@elsewhere {_LOST}", f"@^{IDENTITY}  {_LOST}", "@elsewhere"]
    rows = [f"{sign} {line.strip()}" if not line.lstrip().startswith("@") else line for line in part]
    return [*rows, dice.choice(lost)]


def _worded(dice: Random, part: list[str], place: int) -> list[str]:
    """Put a word of each line into a definition."""
    rows: list[str] = []
    for number, line in enumerate(part):
        words = line.split()
        if not _is_whole(line) or "$" in line or len(words) < 2 or words[-1] == "{":
            rows.append(line)
            continue
        name = f"WORD{place}_{number}"
        use = dice.choice((f"${name}", f"${{{name}}}"))
        rows += [f"${name}={words[-1]}{dice.choice(('', ' ', ' # a word'))}", f"  {' '.join(words[:-1])} {use}"]
    return rows


def _quoted(dice: Random, line: str) -> str:
    words = line.split()
    if _is_whole(line) and "$" not in line and len(words) > 1 and words[-1] not in "{}" and dice.random() < 0.4:
        return f'  {" ".join(words[:-1])} "{words[-1]}"'
    return line


def _dressed(dice: Random, row: str) -> str:
    """Return a row with another indentation and a comment, where it can have one."""
    if not row.strip() or row.rstrip().endswith("\\") or "include" in row or '"' in row:
        return row
    return f"{dice.choice(('', ' ', chr(9), '      '))}{row.strip()}{dice.choice(_COMMENTS)}"
