"""The command check: what is wrong in a profile, and what an expert would advise on the running director."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Collection, Iterator
from typing import NamedTuple

from lvstui.commands.place import OpenPlace, Place, Status, load_profile, read_with_owners
from lvstui.core import rules, sysctls
from lvstui.core.fields import quote, service_text, visible
from lvstui.core.model import Director
from lvstui.core.rules import Problem, Severity
from lvstui.core.snapshot import Snapshot
from lvstui.formats.profile.write import ProfileError
from lvstui.store.files import who_may_change


class _Offer(NamedTuple):
    """What a kernel has; without settings it has no IPVS at this moment."""

    kernel: str
    settings: Collection[str]
    schedulers: Collection[str]


def check(options: Namespace, open_place: OpenPlace) -> int:
    """Print every mistake in a profile, for which no kernel is needed, or what advice says of the running director."""
    if not options.running:
        return _check_file(options, open_place)
    with open_place() as place:
        return _check_running(place, options.over)


def _check_running(place: Place, over: float) -> int:
    """Print the advice on the running director, servers in trouble included; the status is 3 where there is any."""
    from lvstui.commands.health import with_health
    from lvstui.core.advice.services import advice

    snapshot = with_health(place.kernel, read_with_owners(place), over)
    found = [*map(str, advice(snapshot)), *_drained_in_trouble(snapshot)]
    for piece in found:
        print(piece)
    if not found:
        print("no advice")
    return Status.DIFFERS if found else Status.OK


def _drained_in_trouble(snapshot: Snapshot) -> Iterator[str]:
    """Yield a line for each drained server in trouble, for which nothing is left to advise but which clients meet."""
    from lvstui.core.services.row import plight

    for key, verdict in snapshot.health.items():
        pool = snapshot.reading.director.pools[key.service]
        server = pool.servers[key.endpoint]
        if not server.weight and pool.service.persistence is None:
            yield f"{service_text(key.service)}: {visible(plight(pool, server, verdict))}"


def _check_file(options: Namespace, open_place: OpenPlace) -> int:
    """Print every mistake in a profile; warnings alone leave the status at 0."""
    try:
        director = load_profile(options.file)
    except ProfileError as error:
        print("\n".join(error.flaws))
        return Status.ERROR
    path = visible(str(options.file))
    found = [*rules.check(director), *_lacking(director, _offer(options, open_place))]
    for problem in found:
        print(f"{path}: {problem.severity.value}: {problem}")
    if any(problem.severity is Severity.ERROR for problem in found):
        return Status.ERROR
    if who := who_may_change(options.file):
        print(f"{path}: warning: {visible(who)} may change it, and so what `apply` writes; change its owner or mode")
    services, servers = len(director.pools), sum(len(pool.servers) for pool in director.pools.values())
    counted = f"{services} service{'' if services == 1 else 's'}, {servers} server{'' if servers == 1 else 's'}"
    print(f"{path}: {counted}, no error")
    return Status.OK


def _offer(options: Namespace, open_place: OpenPlace) -> _Offer:
    """Look at the running kernel as it is: asking it about IPVS could load the module, which no check should do."""
    if options.demo:
        with open_place() as place:
            return _Offer("the demo's kernel", place.kernel.read().director.sysctl, place.kernel.schedulers)
    from lvstui.kernel.live import find_schedulers, find_settings

    return _Offer(f"Linux {os.uname().release}", find_settings(options.netns), find_schedulers())


def _lacking(director: Director, offer: _Offer) -> Iterator[Problem]:
    """Yield a warning for every setting and scheduler of a profile that a kernel lacks; `apply` goes on without."""
    for name in director.sysctl:
        if not sysctls.slip(name) and (sentence := sysctls.absence(name, offer.settings, offer.kernel)):
            yield Problem(name, sentence, Severity.WARNING, "sysctl")
    for key, pool in director.pools.items():
        if offer.settings and pool.service.scheduler not in offer.schedulers:
            name = quote(pool.service.scheduler)
            sentence = f"{offer.kernel} has no scheduler {name}; choose one of {', '.join(offer.schedulers)}"
            yield Problem("scheduler", sentence, Severity.WARNING, service_text(key))
