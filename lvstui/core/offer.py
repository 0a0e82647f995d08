"""What a kernel offers: schedulers, persistence engines, settings; and what a director asks for in vain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lvstui.core import sysctls
from lvstui.core.fields import quote
from lvstui.core.mistake import Severity
from lvstui.core.model import Director, Service
from lvstui.core.rules import Problem
from lvstui.core.words import did_you_mean

SCHEDULERS: Final = frozenset(
    ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos", "none")
)
"""The schedulers of Linux; `none` is the kernel's word for a service that schedules nothing."""

ENGINES: Final = frozenset({"", "sip"})
"""The persistence engines of Linux; empty is none."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a kernel has; without settings it has no IPVS at this moment, and its schedulers are not all there are."""

    kernel: str = ""
    settings: Collection[str] = ()
    schedulers: Collection[str] = ()


UNKNOWN: Final = Offer()
"""No kernel to compare with: what no Linux is known to have is in vain then."""


def unmet(director: Director, offer: Offer) -> bool:
    """Return whether a director asks for anything in vain."""
    settings = (problem for name in director.sysctl for problem in setting_problems(name, offer))
    services = (problem for pool in director.pools.values() for problem in service_problems(pool.service, offer))
    return any(True for found in (settings, services) for _ in found)


def setting_problems(name: str, offer: Offer) -> Iterator[Problem]:
    """Find a setting of net.ipv4.vs that is not there, which `apply` leaves out; rules.py has names misspelt."""
    if not sysctls.slip(name) and (sentence := sysctls.absence(name, offer.settings, offer.kernel)):
        yield Problem(name, sentence, Severity.WARNING)


def service_problems(service: Service, offer: Offer) -> Iterator[Problem]:
    """Find a scheduler and an engine that are not there: warnings, as they may be modules that lvstui does not know."""
    name = service.scheduler
    if name not in (offer.schedulers if offer.settings else SCHEDULERS) and (
        offer.settings or name not in offer.schedulers
    ):
        who = f"{offer.kernel} has" if offer.settings else "lvstui knows"
        others = sorted(offer.schedulers) if offer.settings else SCHEDULERS
        yield Problem("scheduler", f"{who} no scheduler {quote(name)}; {_hint(name, others)}", Severity.WARNING)
    engine = service.persistence.engine if service.persistence else ""
    if engine not in ENGINES:
        hint = _hint(engine, ENGINES - {""})
        yield Problem("engine", f"lvstui knows no engine {quote(engine)}; {hint}", Severity.WARNING)


def _hint(word: str, known: Iterable[str]) -> str:
    """Ask for the word that was meant, or list all."""
    there = sorted(known)
    return did_you_mean(word, there) or f"choose one of {', '.join(there)}"
