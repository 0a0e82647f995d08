"""Persistence entries on the command line: `entries` lists them, `entry` edits one."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Final

from lvstui.commands.listing import print_rest
from lvstui.commands.naming import find_pool, find_server
from lvstui.commands.place import Failure, OpenPlace, Place, Status, columns_of, complain, print_json, read_snapshot
from lvstui.commands.said import Said
from lvstui.core import fields
from lvstui.core.change import EMPTY
from lvstui.core.describe import service_names
from lvstui.core.drift import add_profile_values
from lvstui.core.entries import edits as entry_edits
from lvstui.core.entries import request as entry_request
from lvstui.core.entries.columns import ENTRY_COLUMNS, LANGUAGE, EntryLook, EntryRow
from lvstui.core.entries.edits import EntryEdit, EntryReport, Expire, Manner, Move, Outcome, Pin, SetTime, report_line
from lvstui.core.entries.request import emptying
from lvstui.core.entries.resolve import ResolvedEntry, has_engine, resolve, wanted_clients
from lvstui.core.entries.sync_message import Message
from lvstui.core.entries.sync_plan import client_of
from lvstui.core.fields import FieldError
from lvstui.core.health.table import of_table
from lvstui.core.health.verdict import Health, troubled
from lvstui.core.model import Address, Director, Pool, ServerKey, Service
from lvstui.core.observed import Reading, Scan
from lvstui.core.record import Kind
from lvstui.core.snapshot import Snapshot
from lvstui.engine.entry_edits import Tools, carry_out
from lvstui.engine.scanner import Pass, read_table
from lvstui.formats.entries import entry_table, planned_table, report_table
from lvstui.kernel.port import NoRight

_BUDGET = 60.0
"""Seconds that reading the connection table may take; what was read by then is printed, and that it is not all."""

_AT_ONCE: Final = 20_000
"""Rows of a table that is listed at once; of a larger one entries are printed as they come."""


def show(options: argparse.Namespace, open_place: OpenPlace) -> int:
    """Print the entries that a filter finds."""
    look = EntryLook(filter=LANGUAGE.parse(options.filter))
    with open_place() as place:
        snapshot = read_snapshot(place)
        director = snapshot.reading.director
        with closing(Pass(place.kernel.stream(engines=has_engine(director)), time.monotonic)) as reading:
            while reading.step() and reading.rows < _AT_ONCE and time.monotonic() - reading.began <= _BUDGET:
                pass
            if not reading.complete:
                describe = partial(entry_table, director) if options.json else None
                return print_rest(reading, _BUDGET, snapshot, look, describe)
            scan = reading.scan()
    bad = troubled(of_table(scan, director, scan.taken))
    rows = [EntryRow(entry, director, scan.taken, look) for entry in resolve(scan, director, bad).values()]
    found = [row for row in rows if look.filter.holds(row)]
    if options.json:
        print_json(
            {
                "complete": scan.whole,
                "rows": scan.rows,
                "left_out": scan.left_out,
                "entry": [entry_table(director, row.resolved, scan.taken) for row in found],
            }
        )
    elif found:
        print("\n".join(columns_of(ENTRY_COLUMNS, found)))
    else:
        print("There is no such entry." if look.filter else "There is no persistence entry.")
    return Status.OK


def _scan(place: Place, snapshot: Snapshot, clients: Sequence[Address]) -> Scan:
    """Read the connection table; of a large one at least the rows of these clients."""
    director = snapshot.reading.director
    return read_table(place.kernel, _BUDGET, wanted_clients(clients, director), engines=has_engine(director))


def edit(options: argparse.Namespace, open_place: OpenPlace) -> int:
    """Make one edit of an entry, and print what was seen of it afterwards; raises `Failure` where nothing was done."""
    if options.confirm_within:
        sentence = "an edit of a persistence entry cannot be taken back: leave --confirm-within out"
        raise Failure(sentence, Status.USAGE)
    with open_place() as place:
        if place.kernel.read_only:
            raise NoRight(place.kernel.read_only)
        snapshot = read_snapshot(place)
        director = snapshot.reading.director
        # A client may be written as the network that its entry is shown with.
        client = fields.address("client", options.client.partition("/")[0])
        scan = _scan(place, snapshot, (client,))
        wanted, held = _wanted_edit(options, client, director, scan)
        try:
            entry_edits.check(wanted, director)
        except FieldError as error:
            raise Failure(f"{error}; nothing was done") from None
        if reason := entry_edits.why_not_editable(director):
            raise Failure(f"{reason}; nothing was done")
        health = of_table(scan, director, time.monotonic())
        if options.dry_run:
            _print_only(wanted, held, director, health, as_json=options.json)
            return Status.DIFFERS
        if sentence := entry_edits.trouble_there(wanted, director, health):
            complain(f"warning: {sentence}")
        (report,) = _carry_out_recorded(place, [wanted], snapshot)
    if options.json:
        print_json(report_table(report, director))
    elif report.outcome is Outcome.DONE:
        print(report.sentence)
    if report.outcome is Outcome.DONE:
        return Status.OK
    complain(f"{report.outcome.value}: {report.sentence}")
    return Status.ERROR


def move_away(place: Place, servers: Sequence[ServerKey], said: Said) -> int:
    """Move all clients that stick to real servers to the others of their services, by weight; say each move.

    Raises `Failure` where that cannot be.
    """
    snapshot = read_snapshot(place)
    scan = _scan(place, snapshot, ())
    health = of_table(scan, snapshot.reading.director, time.monotonic())
    snapshot = replace(snapshot, scan=scan, health=health)
    if not scan.whole:
        complain("the connection table was not read to its end: clients that were not seen stay")
    requests = [request for server in servers if (request := emptying(snapshot, server)).chosen]
    try:
        wanted = [edit for request in requests for edit in entry_request.edits(snapshot, request)]
    except FieldError as error:
        raise Failure(f"{error.sentence}; no client was moved") from None
    if not wanted:
        said.moved(())
        return Status.OK
    if reason := entry_edits.why_not_editable(snapshot.reading.director):
        raise Failure(f"{reason}; no client was moved")
    reports = _carry_out_recorded(place, wanted, snapshot)
    said.moved(reports)
    return Status.OK if all(report.outcome is Outcome.DONE for report in reports) else Status.ERROR


def _print_only(
    wanted: EntryEdit, held: ResolvedEntry | None, director: Director, health: Health, *, as_json: bool
) -> None:
    """Print what would happen; `held` is the entry that it is about, if there is one."""
    title = entry_edits.title(wanted, director)
    children, sure = (held.children, held.sure) if held else (0, True)
    sentences = entry_edits.consequences([wanted], director, children, sure, health)
    if as_json:
        entry = entry_table(director, held, time.monotonic()) if held else None
        print_json(planned_table(title, sentences, entry))
        return
    print(title)
    for sentence in sentences:
        print(f"    {sentence}")


def _wanted_edit(
    options: argparse.Namespace, address: Address, director: Director, scan: Scan
) -> tuple[EntryEdit, ResolvedEntry | None]:
    """Return the edit that is asked for, with the entry that it is about, where there has to be one."""
    pool = find_pool(options.service, director)
    service = pool.service.key
    client = client_of(service, address, director)
    if options.edit == "pin":
        server = find_server(options.server, pool).endpoint
        engine = pool.service.engine
        pinned = Pin(service, client, server, _seconds(options, pool), engine, options.call_id)
        return pinned, None
    found = _entry(pool.service, client, options.call_id, director, scan)
    manner = Manner.KILL if getattr(options, "kill", False) else Manner.SOFT
    match options.edit:
        case "expire":
            return Expire(found.entry, manner), found
        case "time":
            return SetTime(found.entry, fields.number("seconds", options.seconds)), found
        case _:
            server = find_server(options.server, pool).endpoint
            return Move(found.entry, server, _seconds(options, pool), manner), found


def _seconds(options: argparse.Namespace, pool: Pool) -> int:
    """Return the time on the command line, else the service's own."""
    if options.seconds is not None:
        return fields.number("seconds", options.seconds)
    return pool.service.persistence.timeout if pool.service.persistence else 1


def _entry(own: Service, client: Address, call_id: str, director: Director, scan: Scan) -> ResolvedEntry:
    """Find the entry of a client; raises `Failure`."""
    service = own.key
    for resolved in resolve(scan, director).values():
        meant = resolved.service == service and resolved.entry.client == client and resolved.state != "void"
        if meant and call_id in ("", resolved.entry.identity):
            return resolved
    name = service_names(director, service)[0]
    if own.persistence is None:
        how = f"lvstui set {fields.service_text(service)} persistence=300"
        raise Failure(f"{name} is not persistent, so no client sticks to a server; `{how}` makes it so")
    more = "" if scan.complete else "; the table was not read to its end"
    raise Failure(f"{client} has no entry of {name}{more}")


def _carry_out_recorded(place: Place, wanted: Sequence[EntryEdit], snapshot: Snapshot) -> Sequence[EntryReport]:
    """Make edits with their record, which says of interrupted ones that they may have been made."""
    titles = [entry_edits.title(edit, snapshot.reading.director) for edit in wanted]
    recorded = list(map(entry_edits.uncertain, titles))
    with closing(place.history) as records:
        draft = records.begin(Kind.ENTRIES, (), titles)
        try:
            reports = _carry_out(place, wanted, snapshot)
            recorded = [report_line(report) for report in reports if report.outcome is not Outcome.REFUSED]
        finally:
            if trouble := records.conclude(draft, (), recorded):
                complain(trouble)
    return reports


def _carry_out(place: Place, wanted: Sequence[EntryEdit], snapshot: Snapshot) -> Sequence[EntryReport]:
    """Make edits and return what was seen of them; say why others could edit entries meanwhile, where they could."""
    ajar: set[str] = set()
    engines = has_engine(snapshot.reading.director)

    def read() -> Reading:
        reading = place.kernel.read()
        return replace(reading, director=add_profile_values(reading.director, snapshot.profile.saved or EMPTY))

    def wait(seconds: float) -> bool:
        time.sleep(seconds)
        return True

    def send(messages: Sequence[Message]) -> None:
        ajar.add(place.kernel.send_sync(messages))

    tools = Tools(send, partial(read_table, place.kernel, _BUDGET, engines=engines), read, wait)
    reports = list(carry_out(wanted, tools))
    for reason in filter(None, ajar):
        complain(reason)
    return reports
