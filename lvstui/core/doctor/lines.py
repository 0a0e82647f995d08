"""What the doctor found, as lines to read: the worst first, and the same of many services once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Final

from lvstui.core.advice import without_numbers
from lvstui.core.describe import service_names
from lvstui.core.doctor.finding import Finding, Found, Report, State
from lvstui.core.doctor.words import some
from lvstui.core.model import Director, ServiceKey
from lvstui.core.words import count

_LABEL: Final = 10
"""Cells of the words before what they are about."""

_FEW: Final = 3
"""So many answers that differ by numbers only are each said."""

ORDER: Final = (State.WRONG, State.WARNING, State.UNKNOWN, State.FINE)


def report_lines(report: Report, director: Director, width: int = 80, *, every: bool = False) -> list[str]:
    """Return what is wrong in full, in lines of at most `width` cells, and what was asked in one.

    `every` question stands there with what was found, those with nothing to do in a line each.
    """
    lines: list[str] = []
    for state in ORDER:
        found = [finding for finding in report.findings if finding.answer.state is state]
        if state is State.FINE:
            lines += _short(found, width) if every else ()
        else:
            lines += _full(found, director, width)
    return [*lines, *wrap(summary(report), width)]


def summary(report: Report) -> str:
    """Return in a line what was asked, and how the answers are."""
    counted = {
        State.WRONG: "{} wrong",
        State.WARNING: "{} to look at",
        State.UNKNOWN: "{} could not be known",
    }
    texts = [text.format(number) for state, text in counted.items() if (number := report.count(state))]
    whom = count(report.services, "service") if report.services else "a director without services"
    asked = f"{count(len(report.findings), 'question')} asked of {whom}"
    return f"{asked}: {', '.join(texts) or 'nothing is wrong'}"


def _full(findings: Iterable[Finding], director: Director, width: int) -> Iterator[str]:
    """Yield each answer with what was looked at and what to do; services of which the same is said stand together."""
    alike: dict[object, list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.question, without_numbers(finding.answer.sentence)), []).append(finding)
    for together in alike.values():
        if len({finding.answer for finding in together}) > _FEW:
            yield from _block(together, director, width, "such as: ")
            continue
        same: dict[Found, list[Finding]] = {}
        for finding in together:
            same.setdefault(finding.answer, []).append(finding)
        for findings_of_one in same.values():
            yield from _block(findings_of_one, director, width)


def _block(together: Sequence[Finding], director: Director, width: int, example: str = "") -> Iterator[str]:
    """Yield the first of several answers, with all that they are about; one that differs is an `example`."""
    first = together[0]
    about = some(title(finding.service, director) for finding in together)
    yield from _labelled(first.answer.state.value, f"{about}: {first.asks}", width)
    yield from _labelled("", f"{example}{first.answer.sentence}", width)
    yield from _labelled("", f"looked at: {first.answer.looked}", width)
    if first.answer.remedy:
        yield from _labelled("", f"to do: {first.answer.remedy}", width)
    yield ""


def _short(findings: Iterable[Finding], width: int) -> Iterator[str]:
    for finding in findings:
        yield from _labelled(finding.answer.state.value, f"{finding.asks} {finding.answer.found}", width)
    yield ""


def title(key: ServiceKey | None, director: Director) -> str:
    """Return the name of what a finding is about."""
    return "this director" if key is None else " ".join(service_names(director, key))


def _labelled(label: str, text: str, width: int) -> Sequence[str]:
    return wrap(text, width, initial_indent=f"{label:<{_LABEL}}", subsequent_indent=" " * _LABEL)
