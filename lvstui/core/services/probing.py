"""What real servers answered, beside what is seen of them, in lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from lvstui.core import fields
from lvstui.core.describe import service_names
from lvstui.core.model import ServerKey
from lvstui.core.probes.answer import Answer
from lvstui.core.probes.finding import Finding, Probed
from lvstui.core.services.columns import SERVICE_COLUMNS
from lvstui.core.services.keepers import keeper_lines
from lvstui.core.services.row import ServerRow, ServiceLook
from lvstui.core.snapshot import Snapshot

_ASKING: Final = "asking ..."
_INDENT: Final = "    "
_STATE: Final = next(column for column in SERVICE_COLUMNS if column.id == "state")


def probe_lines(snapshot: Snapshot, keys: Sequence[ServerKey], width: int) -> Sequence[str]:
    """Return a line a server with its state and what it answered, and what that proves below it.

    Last stands what other programs that check these servers show.
    """
    pools = snapshot.reading.director.pools
    there = [key for key in keys if key.service in pools and key.endpoint in pools[key.service].servers]
    rows = [[*_names(snapshot, key), _state(snapshot, key)] for key in there]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for key, row in zip(there, rows, strict=True):
        head = "  ".join(cell.ljust(room) for cell, room in zip(row, widths, strict=True))
        finding = snapshot.findings.get(key)
        for number, (place, probed) in enumerate(_answers(key, finding)):
            first = head if not number else " " * len(head)
            if probed is None:
                lines.append(f"{first}  {_ASKING}")
                continue
            lines.append(f"{first}  {place}{_outcome(probed.answer)}".rstrip())
            room = max(20, width - len(_INDENT))
            lines += (_INDENT + line for line in wrap(fields.visible(probed.answer.sentence), room))
        lines += _seen(snapshot, key, width)
    for sentence in keeper_lines(snapshot.owners, snapshot.reading.director, there):
        lines += ["", *wrap(fields.visible(sentence), max(20, width))]
    return lines or ["none of these servers is there any more"]


def _names(snapshot: Snapshot, key: ServerKey) -> tuple[str, str]:
    director = snapshot.reading.director
    server = director.pools[key.service].servers[key.endpoint]
    address = fields.server_text(key.endpoint)
    return service_names(director, key.service)[0], f"{fields.visible(server.name)} {address}".strip()


def _state(snapshot: Snapshot, key: ServerKey) -> str:
    """Return the word for what is seen of a server without asking it."""
    cell = _STATE.cell(ServerRow(snapshot, ServiceLook(), key))
    return cell.text


def _seen(snapshot: Snapshot, key: ServerKey, width: int) -> Iterator[str]:
    """Yield what is seen of a server in trouble."""
    verdict = snapshot.health.get(key)
    if verdict is not None:
        text = f"seen {verdict.trouble.value}: {verdict.evidence}"
        yield from (_INDENT + line for line in wrap(fields.visible(text), max(20, width - len(_INDENT))))


def _answers(key: ServerKey, finding: Finding | None) -> Iterator[tuple[str, Probed | None]]:
    """Yield what a server answered; with the port before it where it was asked at several, or at another one."""
    if finding is None or not finding.probed:
        yield "", None
        return
    for probed in finding.probed:
        asked = probed.question.endpoint.port if probed.question else key.endpoint.port
        several = len(finding.probed) > 1 or asked != key.endpoint.port
        yield (f"port {asked}: " if several else ""), probed


def _outcome(answer: Answer) -> str:
    taken = "" if answer.milliseconds is None else f"  {answer.milliseconds:.1f} ms"
    return f"{answer.outcome.value}{taken}"
