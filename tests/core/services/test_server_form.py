"""The form of a real server: what it shows, refuses and makes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from lvstui.core.change import Change, change_server
from lvstui.core.fields import server, service
from lvstui.core.model import Director, Forwarding, Pool, RealServer, Service, Tunnel, TunnelType
from lvstui.core.rules import Severity
from lvstui.core.services.forms import ServerForm
from tests.core.strategies import directors, laws

SHOP = service("tcp:192.0.2.10:443")
WEB1 = RealServer(server("10.0.0.11:8443"), Forwarding.MASQ, 3, 100, 80, name="web1")
WEB2 = RealServer(server("10.0.0.12:8443"), Forwarding.MASQ, name="web2")
POOL = Pool(Service(SHOP), {server.endpoint: server for server in (WEB1, WEB2)})
DIRECTOR = Director({SHOP: POOL})
EDIT = ServerForm(DIRECTOR, POOL, WEB1)
ADD = ServerForm(DIRECTOR, POOL)
GUE = {"forwarding": "tunnel", "tunnel.type": "gue", "tunnel.port": "6080"}


def problems(asked: ServerForm, values: dict[str, str]) -> list[tuple[str, str, Severity]]:
    form = asked.form
    return [(p.field, p.sentence, p.severity) for p in form.problems({**form.start, **values})]


def changes_of(asked: ServerForm, values: dict[str, str]) -> tuple[Change, ...]:
    form = asked.form
    return asked.changes(form.reset_hidden({**form.start, **values}))


def after(asked: ServerForm, values: dict[str, str]) -> RealServer:
    (change,) = changes_of(asked, values)
    assert isinstance(change.after, RealServer)
    return change.after


@laws
@given(directors())
def test_a_form_left_as_it_is_changes_nothing(director: Director) -> None:
    for pool in director.pools.values():
        for real in pool.servers.values():
            asked = ServerForm(director, pool, real)
            form = asked.form
            assert [problem for problem in form.problems(form.start) if problem.severity is Severity.ERROR] == []
            assert asked.changes(form.reset_hidden(form.start)) == ()


def test_every_attribute_is_asked_and_edited() -> None:
    values = {"weight": "5", "upper": "9", "lower": "8", "name": "w", **GUE, "tunnel.checksum": "remcsum"}
    assert changes_of(EDIT, values) == (
        change_server(
            SHOP,
            WEB1,
            RealServer(WEB1.endpoint, Forwarding.TUNNEL, 5, 9, 8, Tunnel(TunnelType.GUE, 6080, 2), "w"),
        ),
    )


def test_a_new_server_is_proposed_like_those_that_are_there() -> None:
    start = ADD.form.start
    assert (start["address"], start["port"], start["forwarding"]) == ("", "8443", "masq")
    alone = ServerForm(DIRECTOR, Pool(Service(SHOP)))
    assert (alone.form.start["port"], alone.form.start["forwarding"]) == ("443", "masq")
    first = ServerForm(Director(), Pool(Service(SHOP)))
    assert (first.form.start["port"], first.form.start["forwarding"]) == ("443", "route")


def test_weight_nothing_is_a_drain_that_remembers_its_weight() -> None:
    assert after(EDIT, {"weight": "0"}) == replace(WEB1, weight=0, resume=3)
    drained = ServerForm(DIRECTOR, POOL, replace(WEB1, weight=0, resume=3))
    assert after(drained, {"upper": "200"}) == replace(WEB1, weight=0, resume=3, upper=200)
    assert after(drained, {"weight": "2"}).resume is None


def test_another_address_is_a_new_server_and_then_the_removal_of_the_old_one() -> None:
    moved = replace(WEB1, endpoint=server("10.0.0.19:8443"))
    assert changes_of(EDIT, {"address": "10.0.0.19"}) == (
        change_server(SHOP, None, moved),
        change_server(SHOP, WEB1, None),
    )
    assert problems(EDIT, {"address": "10.0.0.19"}) == [
        ("address", "a new server; 10.0.0.11:8443 is removed", Severity.WARNING)
    ]


def test_tunnel_fields_are_asked_of_tunnels_only() -> None:
    form = EDIT.form

    def asked(values: dict[str, str]) -> list[str]:
        return [field.id for field in form.visible({**form.start, **values}) if field.id.startswith("tunnel")]

    assert asked({}) == []
    assert asked({"forwarding": "tunnel"}) == ["tunnel.type"]
    assert asked({"forwarding": "tunnel", "tunnel.type": "gre"}) == ["tunnel.type", "tunnel.checksum"]
    assert asked(GUE) == ["tunnel.type", "tunnel.port", "tunnel.checksum"]


def test_a_tunnel_survives_another_method_and_leaves_no_port_to_another_type() -> None:
    gue = replace(WEB1, forwarding=Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE, 6080, 1))
    asked = ServerForm(DIRECTOR, POOL, gue)
    assert after(asked, {"forwarding": "masq"}).tunnel == gue.tunnel
    assert after(asked, {"tunnel.type": "ipip"}).tunnel == Tunnel()
    assert after(asked, {"tunnel.type": "gre"}).tunnel == Tunnel(TunnelType.GRE, 0, 1)


@pytest.mark.parametrize(
    ("values", "field", "words", "severity"),
    [
        ({"address": "10.0.0.12"}, "address", "has it already", Severity.ERROR),
        ({"address": "224.0.0.1"}, "address", "one machine", Severity.ERROR),
        ({"address": "10.0.0.13", "name": "web1"}, "name", "another server", Severity.ERROR),
        ({"address": "10.0.0.13", "forwarding": "route"}, "port", "cannot change the port", Severity.WARNING),
        ({"address": "10.0.0.13", "upper": "5", "lower": "6"}, "lower", "above the upper", Severity.ERROR),
        ({"address": "fd00::13"}, "forwarding", "only tunnel", Severity.ERROR),
        ({"address": "10.0.0.13", "port": "443", **GUE, "tunnel.port": "0"}, "tunnel.port", "UDP port", Severity.ERROR),
        ({"address": "10.0.0.13", "weight": "-1"}, "weight", "whole number", Severity.ERROR),
    ],
)
def test_what_is_wrong_is_said_at_its_field(values: dict[str, str], field: str, words: str, severity: Severity) -> None:
    (found,) = problems(ADD, values)
    assert found[0] == field
    assert words in found[1]
    assert found[2] is severity


def test_a_method_that_only_the_kernel_makes_can_be_kept() -> None:
    local = replace(WEB1, forwarding=Forwarding.LOCAL)
    assert after(ServerForm(DIRECTOR, POOL, local), {"weight": "1"}).forwarding is Forwarding.LOCAL
