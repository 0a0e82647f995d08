"""Where `go` leads: to the row of a service, server or mark, or to a client, by any word that names it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from lvstui.core.fields import FieldError, quote
from lvstui.core.marks.mark import marks
from lvstui.core.model import Family, MarkKey
from lvstui.core.services.batch import named_servers, named_service, server_words, service_words
from lvstui.core.snapshot import Snapshot
from lvstui.core.view.command_line import remedy
from lvstui.core.view.filter import whole_address
from lvstui.tui.views.lines import known_clients
from lvstui.tui.views.view import View


def known_places(view: View) -> Iterator[str]:
    """Yield the words that lead somewhere."""
    found = (_words(view.snapshot), known_clients(view))
    return chain.from_iterable(found)


def destination(snapshot: Snapshot, word: str) -> View.Wanted:
    """Return what a word leads to: a service, else a server, else a mark, else a client. Raises `FieldError`.

    An address that is none of the director's may be a client, which only reading the connection table can tell.
    """
    director = snapshot.reading.director
    try:
        key = named_service(director, word)
    except FieldError:
        pass
    else:
        return View.Wanted("services", row=key)
    address = whole_address(word)
    for service in director.pools:
        if address is not None and address == getattr(service, "address", None):
            return View.Wanted("services", row=service)
    try:
        return View.Wanted("services", row=next(iter(named_servers(director, word))))
    except FieldError:
        pass
    for number, mark in marks(snapshot).items():
        if word in (str(number), f"mark:{number}", hex(number), *mark.names):
            return View.Wanted("marks", row=MarkKey(number, Family.IPV4))
    if address is not None:
        return View.Wanted("persistence", filter=str(address))
    raise FieldError("place", f"nothing here is called {quote(word)}; {remedy(word, _words(snapshot))}")


def _words(snapshot: Snapshot) -> Iterator[str]:
    director = snapshot.reading.director
    yield from service_words(director)
    yield from server_words(director)
    for number, mark in marks(snapshot).items():
        yield from mark.names
        yield f"mark:{number}"
