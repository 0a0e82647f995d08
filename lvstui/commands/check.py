"""The command check: what is wrong in a profile, and what an expert would advise on the running director."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lvstui.commands.place import Failure, OpenPlace, Place, Status, is_plan, print_json, read_with_owners
from lvstui.core.fields import service_text, visible
from lvstui.core.mistake import STDIN, Mistake, Severity, file_text, in_order
from lvstui.core.model import Director, Pool
from lvstui.core.offer import Offer
from lvstui.core.words import count
from lvstui.formats.profile.examine import examine
from lvstui.formats.profile.write import ProfileError
from lvstui.host.home import find_home
from lvstui.store.files import who_may_change
from lvstui.store.profile_file import NO_USUAL_PROFILE, default_path, read_text

if TYPE_CHECKING:
    from lvstui.core.advice import Advice
    from lvstui.core.snapshot import Snapshot
    from lvstui.formats.json import Table


def check(options: Namespace, open_place: OpenPlace) -> int:
    """Print every mistake in a profile, for which no kernel is needed, or what advice says of the running director."""
    if options.running:
        with open_place() as place:
            return _check_running(place, options)
    if options.over:
        raise Failure("--over is for --running: a profile has no counters to watch", Status.USAGE)
    if options.demo:
        with open_place() as place:
            held = place.kernel.read().director.sysctl
            offer = Offer("the demo's kernel", held, place.kernel.schedulers)
            return _check_file(options, options.file or place.profile.path, offer)
    path = options.file or options.profile or default_path(find_home(options.netns))
    if path is None:
        raise Failure(NO_USUAL_PROFILE)
    return _check_file(options, path, _offer(options))


def _check_running(place: Place, options: Namespace) -> int:
    """Print the advice on the running director, servers in trouble included; the status is 3 where there is any."""
    from lvstui.commands.health import with_health
    from lvstui.core.advice.services import advice

    snapshot = with_health(place.kernel, read_with_owners(place), options.over)
    found, drained = advice(snapshot), tuple(_drained_in_trouble(snapshot))
    if options.json:
        tables = [*(_advice_table(piece, snapshot) for piece in found), *(_trouble_table(one) for one in drained)]
        print_json({"finding": tables})
    else:
        lines = [*map(str, found), *(f"{service_text(pool.service.key)}: {visible(text)}" for pool, text in drained)]
        print("\n".join(lines) or "no advice")
    return Status.DIFFERS if found or drained else Status.OK


def _drained_in_trouble(snapshot: Snapshot) -> Iterator[tuple[Pool, str]]:
    """Yield each drained server in trouble, for which nothing is left to advise but which clients meet."""
    from lvstui.core.services.row import plight

    for key, verdict in snapshot.health.items():
        pool = snapshot.reading.director.pools[key.service]
        server = pool.servers[key.endpoint]
        if not server.weight and pool.service.persistence is None:
            yield pool, plight(pool, server, verdict)


def _advice_table(piece: Advice, snapshot: Snapshot) -> Table:
    pool = snapshot.reading.director.pools.get(piece.key) if piece.key is not None else None
    return {
        "about": piece.about,
        "service": None if piece.key is None else service_text(piece.key),
        "service_name": pool.service.name if pool else None,
        "mark": piece.mark,
        "state": "wrong" if piece.wrong else "warning",
        "found": piece.sentence,
        "reason": piece.reason,
        "remedy": piece.remedy,
    }


def _trouble_table(drained: tuple[Pool, str]) -> Table:
    pool, text = drained
    service = service_text(pool.service.key)
    return {
        "about": service,
        "service": service,
        "service_name": pool.service.name,
        "mark": None,
        "state": "warning",
        "found": text,
        "reason": None,
        "remedy": None,
    }


def _check_file(options: Namespace, path: Path, offer: Offer) -> int:
    """Print every mistake in a profile, or in a plan; warnings alone leave the status at 0."""
    text = read_text(path)
    if is_plan(text):
        return _check_plan(options, path, text)
    try:
        director, mistakes, _ = examine(text, str(path), offer)
    except ProfileError as error:
        if not error.mistakes:
            raise
        director, mistakes = Director(), error.mistakes
    if str(path) != STDIN and (who := who_may_change(path)):
        sentence = f"{visible(who)} may change it, and so what `apply` writes; change its owner or mode"
        mistakes = in_order((*mistakes, Mistake(str(path), 1, "file", sentence, Severity.WARNING)))
    errors = sum(one.severity is Severity.ERROR for one in mistakes)
    if options.json:
        print_json({"file": str(path), "mistake": list(map(_mistake_table, mistakes))})
    else:
        for mistake in mistakes:
            print(mistake)
        if not errors:
            services, servers = len(director.pools), sum(len(pool.servers) for pool in director.pools.values())
            print(f"{file_text(str(path))}: {count(services, 'service')}, {count(servers, 'server')}, no error")
    return Status.ERROR if errors else Status.OK


def _check_plan(options: Namespace, path: Path, text: str) -> int:
    """Print the mistakes in a plan; whether it still fits only `apply` can say."""
    from lvstui.formats.plan import load

    mistakes: tuple[Mistake, ...] = ()
    changes = 0
    try:
        changes = len(load(text, str(path)).changes)
    except ProfileError as error:
        mistakes = error.mistakes
    if options.json:
        print_json({"file": str(path), "mistake": list(map(_mistake_table, mistakes))})
    else:
        print(
            "\n".join(map(str, mistakes)) or f"{file_text(str(path))}: a plan of {count(changes, 'change')}, no error"
        )
    return Status.ERROR if mistakes else Status.OK


def _mistake_table(mistake: Mistake) -> Table:
    return {
        "line": mistake.line,
        "severity": mistake.severity.value,
        "field": mistake.field,
        "sentence": mistake.sentence,
    }


def _offer(options: Namespace) -> Offer:
    """Look at the running kernel as it is: asking it about IPVS could load the module, which no check should do."""
    from lvstui.kernel.live import find_schedulers, find_settings

    return Offer(f"Linux {os.uname().release}", find_settings(options.netns), find_schedulers())
