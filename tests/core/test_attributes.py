"""The table of attributes: complete, and what it writes it reads."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

import pytest
from hypothesis import given

from lvstui.core.attribute import Attributes, Configured, Table
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    Director,
    MarkGroup,
    Persistence,
    Probe,
    RealServer,
    Service,
    SyncDaemon,
    Timeouts,
    Tunnel,
)
from tests.build import address_key, server
from tests.core.strategies import directors, laws

_T = TypeVar("_T", bound=Configured)

WEB = server("10.0.0.11:443")
SHOP = Service(address_key("tcp:192.0.2.10:443"))


@pytest.mark.parametrize(
    ("attributes", "kind", "elsewhere"),
    [
        (SERVICE, Service, {"key"}),
        (SERVER, RealServer, {"endpoint", "tunnel"}),
        (TIMEOUTS, Timeouts, set()),
        (DAEMON, SyncDaemon, {"role"}),
    ],
)
def test_every_field_of_the_model_is_an_attribute(
    attributes: Attributes[Configured], kind: type[Configured], elsewhere: set[str]
) -> None:
    names = {field.name for field in dataclasses.fields(kind)} - elsewhere
    assert {attribute.name for attribute in attributes if not attribute.group} == names


def test_so_is_every_field_of_an_object_within() -> None:
    tunnel, persistence = (
        {one.key for one in group} for group in (SERVER.groups["tunnel"], SERVICE.groups["persistence"])
    )
    assert tunnel == {field.name for field in dataclasses.fields(Tunnel)}
    assert persistence == {"timeout", "netmask", "prefix", "engine"}
    assert {field.name for field in dataclasses.fields(Persistence)} == {"timeout", "mask", "engine"}
    probe = {one.key for one in SERVICE.groups["probe"]}
    assert probe == {field.name for field in dataclasses.fields(Probe)}
    assert {field.name for field in dataclasses.fields(MarkGroup)} == {"mark", "selectors", "name"}


@laws
@given(directors())
def test_what_is_written_as_a_text_is_read_back(director: Director) -> None:
    for pool in director.pools.values():
        one = pool.service
        assert SERVICE.assign(Service(one.key), _there(SERVICE, one)) == one
        for held in pool.servers.values():
            assert SERVER.assign(RealServer(held.endpoint), _there(SERVER, held)) == held
    for daemon in (director.sync or {}).values():
        assert DAEMON.assign(SyncDaemon(daemon.role, ""), _there(DAEMON, daemon)) == daemon
    for group in (director.marks or {}).values():
        assert GROUP.assign(MarkGroup(group.mark), _there(GROUP, group)) == group


def _there(attributes: Attributes[_T], value: _T) -> dict[str, str]:
    texts = {attribute.name: attribute.text(value) for attribute in attributes if attribute.get(value) is not None}
    return {"resume": "none", **texts} if "weight" in texts else texts


def test_defaults_are_left_out_of_a_table_unless_it_is_to_be_whole() -> None:
    short: Table = {"server": "10.0.0.11:443"}
    assert SERVER.table(WEB) == short
    assert SERVER.table(WEB, whole=True) == {
        "name": "",
        "server": "10.0.0.11:443",
        "forwarding": "route",
        "weight": 1,
        "upper": 0,
        "lower": 0,
        "tunnel": {"type": "ipip", "port": 0, "checksum": "nocsum"},
        "resume": None,
    }
    assert SERVICE.table(SHOP, whole=True)["persistence"] is None


def test_a_weight_of_nothing_is_a_drain_that_remembers_the_weight_before() -> None:
    drained = SERVER.assign(dataclasses.replace(WEB, weight=3), {"weight": "0"})
    assert (drained.weight, drained.resume) == (0, 3)
    assert SERVER.assign(drained, {"weight": "0", "resume": "7"}).resume == 7


def test_the_name_of_an_object_within_can_be_left_out_where_it_can_be_set_as_a_whole() -> None:
    sticky = SERVICE.assign(SHOP, {"timeout": "60", "netmask": "/24"})
    assert SERVICE.describe(sticky)["persistence"] == "60s mask 255.255.255.0"
    assert SERVICE.assign(sticky, {"persistence": "none"}) == SHOP
    with pytest.raises(FieldError, match="port: is no field of a real server; there are forwarding, weight, upper"):
        SERVER.assign(WEB, {"port": "6080"})


def test_an_attribute_of_a_tunnel_means_something_with_that_tunnel_only() -> None:
    for texts, names in (
        ({"forwarding": "masq", "tunnel.type": "gue"}, set()),
        ({"forwarding": "tunnel", "tunnel.type": "ipip"}, {"tunnel.type"}),
        ({"forwarding": "tunnel", "tunnel.type": "gre"}, {"tunnel.type", "tunnel.checksum"}),
        ({"forwarding": "tunnel", "tunnel.type": "gue"}, {"tunnel.type", "tunnel.port", "tunnel.checksum"}),
    ):
        assert {attribute.name for attribute in SERVER if attribute.group and attribute.applies(texts)} == names


def test_a_number_out_of_its_range_is_found_by_the_name_that_errors_use() -> None:
    heavy = dataclasses.replace(WEB, weight=-1, tunnel=Tunnel(port=65536))
    assert SERVER.beyond(heavy) == [
        ("weight", "-1 is out of range; give 0 to 2147483647"),
        ("tunnel.port", "65536 is out of range; give 0 to 65535"),
    ]
    sticky = dataclasses.replace(SHOP, persistence=Persistence(-1))
    assert [name for name, _ in SERVICE.beyond(sticky)] == ["timeout"]
