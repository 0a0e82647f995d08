"""What other programs will do to an edit, in a sentence for each of them and each kind of edit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core.change import Change, change_server, change_service, change_timeouts
from lvstui.core.model import RealServer, Service, Timeouts
from lvstui.core.overwriting import overwriting
from lvstui.core.record import Owner
from tests.build import SHOP, address_key, endpoint

OTHER = address_key("tcp:192.0.2.11:443")

SERVER = RealServer(endpoint("10.0.0.1:443"), weight=3)
SERVICE = Service(SHOP)
CHANGES = {
    "added": change_server(SHOP, None, SERVER),
    "edited": change_server(SHOP, SERVER, replace(SERVER, weight=4)),
    "deleted": change_server(SHOP, SERVER, None),
    "service edited": change_service(SERVICE, replace(SERVICE, scheduler="rr")),
    "service deleted": change_service(SERVICE, None),
}


@pytest.mark.parametrize(
    ("program", "kind", "words"),
    [
        ("keepalived", "added", "it is gone once keepalived stops or restarts"),
        ("keepalived", "edited", "a reload leaves this, unless the file changes the same; once a check"),
        ("keepalived", "deleted", "a reload does not bring the server back; it is back once a check"),
        ("keepalived", "service edited", "a restart makes it as the file says"),
        ("keepalived", "service deleted", "a reload does not bring the service back; a restart does"),
        ("ldirectord", "added", "a reload or a restart takes it out"),
        ("ldirectord", "edited", "or ldirectord reloads or restarts, it is as the file says"),
        ("ldirectord", "deleted", "or ldirectord reloads or restarts, the server is back"),
        ("ldirectord", "service edited", "its checks leave this; a reload or a restart makes it as the file says"),
        ("ldirectord", "service deleted", "a reload or a restart does"),
        ("kube-proxy", "edited", "it may overwrite this at its next check or reload"),
    ],
)
def test_each_program_does_its_own_to_each_kind_of_edit(program: str, kind: str, words: str) -> None:
    (sentence,) = overwriting([Owner(program, 7, services=frozenset({SHOP}))], [CHANGES[kind]])
    assert sentence.startswith(f"{program} manages tcp:192.0.2.10:443: ")
    assert words in sentence


def test_servers_that_go_with_their_service_are_not_spoken_of() -> None:
    owner = Owner("keepalived", 7, services=frozenset({SHOP}))
    (sentence,) = overwriting([owner], [CHANGES["deleted"], CHANGES["service deleted"]])
    assert "does not bring the service back" in sentence


def test_nothing_is_said_of_names_and_of_what_nobody_manages() -> None:
    owner = Owner("keepalived", 7, services=frozenset({SHOP}))
    named = change_service(SERVICE, replace(SERVICE, name="shop"))
    assert overwriting([owner], [named, change_timeouts(Timeouts(), Timeouts(tcp=7))]) == []
    assert overwriting([owner], [change_service(None, Service(OTHER))]) == []
    assert overwriting([], list(CHANGES.values())) == []


def test_of_many_services_the_first_are_named() -> None:
    keys = [SHOP._replace(port=port) for port in range(1, 6)]
    changes: list[Change] = [change_service(None, Service(key)) for key in keys]
    (sentence,) = overwriting([Owner("kube-proxy", 8)], changes)
    assert sentence.startswith("kube-proxy manages tcp:192.0.2.10:1, tcp:192.0.2.10:2, tcp:192.0.2.10:3 and 2 more: ")
