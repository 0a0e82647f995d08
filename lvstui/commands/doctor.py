"""What an expert would look at: `doctor` as text and as JSON."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from lvstui.commands.health import with_health
from lvstui.commands.naming import find_pool
from lvstui.commands.place import OpenPlace, Status, print_json, read_with_owners
from lvstui.core import fields
from lvstui.core.doctor.finding import Finding, Report, State
from lvstui.core.doctor.lines import report_lines
from lvstui.core.doctor.questions import examine
from lvstui.core.model import Director
from lvstui.engine.doctor import gather

_WIDTH = 80


def doctor(options: Namespace, open_place: OpenPlace) -> int:
    """Print what is wrong with a service or with all; the status is 3 where something is, warnings leave it at 0."""
    with open_place() as place:
        snapshot = with_health(place.kernel, read_with_owners(place), options.over)
        director = snapshot.reading.director
        keys = [find_pool(options.service, director).service.key] if options.service else list(director.pools)
        report = examine(gather(place.kernel, snapshot, keys, probe=options.probe))
    if options.json:
        print_json(document(report, director))
    else:
        print("\n".join(report_lines(report, director, _WIDTH, every=bool(options.service))))
    return Status.DIFFERS if report.count(State.WRONG) else Status.OK


def document(report: Report, director: Director) -> Mapping[str, object]:
    """Return all findings as a document, in the order of the questions, and how many there are of each state."""
    return {
        "services": report.services,
        "counts": {state.value: report.count(state) for state in State},
        "finding": [_table(finding, director) for finding in report.findings],
    }


def _table(finding: Finding, director: Director) -> Mapping[str, object]:
    """Return a finding as a document; null stands for the director as a whole, and for nothing to do."""
    key, answer = finding.service, finding.answer
    pool = director.pools.get(key) if key is not None else None
    return {
        "question": finding.question,
        "asks": finding.asks,
        "service": None if key is None else fields.service_text(key),
        "service_name": pool.service.name if pool else None,
        "state": answer.state.value,
        "looked_at": answer.looked,
        "found": answer.sentence,
        "remedy": answer.remedy or None,
    }
