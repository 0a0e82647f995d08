"""What a new real server begins with."""

from __future__ import annotations

import pytest

from lvstui.core.fields import FieldError
from lvstui.core.model import Director, Forwarding, Pool, RealServer, Service, Tunnel, TunnelType
from lvstui.core.new_server import NewServer
from tests.build import SHOP, address_key, server

NEW = server("10.0.0.99:443").endpoint
MASQ, TUNNEL = server("10.0.0.11:443", Forwarding.MASQ), server("10.0.0.12:443", Forwarding.TUNNEL)
OTHER = address_key("udp:192.0.2.53:53")


def pool(*servers: RealServer) -> Pool:
    return Pool(Service(SHOP), {one.endpoint: one for one in servers})


def test_where_there_is_no_server_it_is_route_as_with_ipvsadm() -> None:
    assert NewServer().begin(NEW, Director()).forwarding is Forwarding.ROUTE


def test_it_has_the_method_of_the_services_servers_else_of_most() -> None:
    director = Director({OTHER: pool(MASQ)})
    assert NewServer().begin(NEW, director).forwarding is Forwarding.MASQ
    assert NewServer().begin(NEW, director, pool()).forwarding is Forwarding.MASQ
    assert NewServer().begin(NEW, director, pool(TUNNEL)).forwarding is Forwarding.TUNNEL


def test_methods_that_the_kernel_makes_are_not_taken_over() -> None:
    local = server("127.0.0.1:443", Forwarding.LOCAL)
    assert NewServer().begin(NEW, Director(), pool(local)).forwarding is Forwarding.ROUTE


def test_a_tunnel_is_like_the_others_unless_one_is_asked_for() -> None:
    gue = server("10.0.0.13:443", Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE, 6080))
    like = Pool(Service(SHOP), {gue.endpoint: gue})
    assert NewServer().begin(NEW, Director(), like).tunnel == gue.tunnel
    assert NewServer().begin(NEW, Director(), like, {"forwarding": "masq"}).tunnel == Tunnel()
    asked = NewServer({"tunnel.type": "gre"})
    assert asked.begin(NEW, Director(), like).tunnel == Tunnel(TunnelType.GRE)
    assert asked.begin(NEW, Director(), pool(MASQ)).tunnel == Tunnel()


def test_what_is_typed_beats_what_is_configured() -> None:
    new = NewServer({"forwarding": "tunnel", "weight": "5", "upper": "9"})
    begun = new.begin(NEW, Director(), typed={"forwarding": "masq", "weight": "0"})
    assert (begun.forwarding, begun.weight, begun.upper, begun.resume) == (Forwarding.MASQ, 0, 9, None)
    with pytest.raises(FieldError):
        new.begin(NEW, Director(), typed={"forwarding": "nat"})
