"""What may stand behind commands on the line of the palette, in every view that has them: the words, what they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from lvstui.core import fields
from lvstui.core.entries.rows import resolved_entries
from lvstui.core.fields import FieldError, quote
from lvstui.core.model import Address
from lvstui.core.services.batch import named_servers, server_words, service_words
from lvstui.core.view.command_line import OFFERED, remedy, words
from lvstui.tui.commands import Arguments, Part
from lvstui.tui.views.table_view import K, L, TableView, hidden_order
from lvstui.tui.views.view import View
from lvstui.tui.widgets.table import shown_columns


def known_servers(view: View) -> Iterator[str]:
    """Yield the words that name a real server."""
    return server_words(view.snapshot.reading.director)


def known_services(view: View) -> Iterator[str]:
    """Yield the words that name a service."""
    return service_words(view.snapshot.reading.director)


def known_clients(view: View) -> Iterator[str]:
    """Yield clients, as far as the connection table is being looked at."""
    every = resolved_entries(view.snapshot).values() if view.snapshot.scan is not None else ()
    clients = dict.fromkeys(str(one.entry.client) for one in islice(every, 20 * OFFERED))
    scan = view.snapshot.scan
    for connection in islice(scan.connections if scan else (), 20 * OFFERED):
        clients.setdefault(str(connection.client.address))
    return iter(clients)


def _columns(view: TableView[K, L]) -> Sequence[str]:
    """Return the columns that can be sorted by, those on the screen first."""
    shown = [column.id for column in shown_columns(view.table)]
    return sorted(view.ROWS.sortable, key=lambda name: shown.index(name) if name in shown else len(shown))


def sorting() -> Arguments[TableView[K, L]]:
    """Return `sort COLUMN [reversed]`."""

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        name, *more = words(text, 2) or [""]
        titles = {column.title.strip().casefold(): column.id for column in view.ROWS.every_column}
        column = titles.get(name.casefold(), name.casefold())
        if column not in view.ROWS.sortable:
            raise FieldError("column", f"no column here is called {quote(name)}; {remedy(name, _columns(view))}")
        if more not in ([], ["reversed"]):
            raise FieldError("order", f"{quote(more[0])} is no order: write reversed, or nothing")

        def act() -> None:
            view.rearrange(replace(view.look, sort=column, descending=bool(more)))
            hidden = hidden_order(view.look, view.ROWS.every_column, shown_columns(view.table))
            view.say(hidden or f"sorted by {column}{', reversed' if more else ''}")

        return act

    return Arguments("sort", (Part("COLUMN", _columns), Part("[reversed]", lambda _: ("reversed",))), read)


def filtering_line() -> Arguments[TableView[K, L]]:
    """Return `filter TERM...`; without a term the filter ends."""

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        try:
            view.ROWS.filtered(view.look, text)
        except FieldError as error:
            raise FieldError("filter", str(error)) from None

        return lambda: view.narrow(text, remember=True)

    return Arguments("filter", (Part("TERM...", _terms),), read)


def _terms(view: TableView[K, L]) -> Iterator[str]:
    """Yield the terms of filters before, then how others begin, with the names that are known here."""
    yield from dict.fromkeys(term for text in view.filters for term in text.split())
    yield from view.ROWS.terms
    for field, known in (("server=", known_servers), ("service=", known_services)):
        if field in view.ROWS.terms:
            yield from (f"{field}{word}" for word in known(view) if " " not in word)


def searching(search: Callable[[TableView[K, L], str], None]) -> Arguments[TableView[K, L]]:
    """Return `search TEXT`."""

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        if not text.strip():
            raise FieldError("text", "write what is to be searched")
        return lambda: search(view, text)

    return Arguments("search", (Part("TEXT"),), read)


def grouping(names: Sequence[str]) -> Arguments[TableView[K, L]]:
    """Return `group BY`, for the groupings that a view has."""

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        name = "".join(words(text, 1))
        if name not in names:
            raise FieldError("group", f"{quote(name)} is no way to group; {remedy(name, names)}")
        return lambda: view.rearrange(view.ROWS.regrouped(view.look, name))

    return Arguments("group", (Part("BY", lambda _: names),), read)


def moving() -> Arguments[TableView[K, L]]:
    """Return `move CLIENT SERVER`, which asks how, as the key does."""

    def read(view: TableView[K, L], text: str) -> Callable[[], None]:
        client, server = two(text, "CLIENT SERVER")
        wanted = str(fields.address("client", client))
        to = _one_address(view, server)
        return lambda: _post(view, View.Wanted("persistence", filter=wanted, move=True, to=to))

    return Arguments("move", (Part("CLIENT", known_clients), Part("SERVER", known_servers)), read, alone=2)


def two(text: str, usage: str) -> tuple[str, str]:
    """Read two words. Raises `FieldError` with how they are written."""
    found = words(text, 2)
    if len(found) < 2:
        raise FieldError("line", f"write {usage}")
    return found[0], found[1]


def rest_of(text: str) -> tuple[str, str]:
    """Read the first word, and what stands behind it as it is."""
    first, *_ = words(text) or [""]
    _, _, rest = text.strip().partition(" ")
    return first, rest.strip()


def _one_address(view: View, word: str) -> Address:
    """Return the address of the server that a word names. Raises `FieldError` where there are several."""
    found = {key.endpoint.address for key in named_servers(view.snapshot.reading.director, word)}
    if len(found) > 1:
        listed = ", ".join(map(str, sorted(found, key=lambda address: (address.version, int(address)))))
        raise FieldError("server", f"several servers are called {quote(word)}: write one of {listed}")
    return found.pop()


def _post(view: View, wanted: View.Wanted) -> None:
    view.post_message(wanted)
