"""Configuration values: numbers that the kernel knows without a name, families, masks."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core.change import strip_profile_values
from lvstui.core.model import (
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Protocol,
    RealServer,
    ServerKey,
    Service,
    ServiceKey,
    TunnelType,
)
from lvstui.core.observed import RowKey
from tests.build import address_key, endpoint
from tests.core.strategies import laws, servers, services

WEB = endpoint("10.0.0.11:80")


@pytest.mark.parametrize(
    ("unnamed", "again", "name"),
    [
        (Protocol(47), Protocol(47), "IP_47"),
        (Protocol(0), Protocol(0), "IP_0"),
        (Forwarding(7), Forwarding(7), "FORWARDING_7"),
        (TunnelType(255), TunnelType(255), "TYPE_255"),
    ],
)
def test_a_number_without_a_name_becomes_a_member_once(
    unnamed: Protocol | Forwarding | TunnelType, again: Protocol | Forwarding | TunnelType, name: str
) -> None:
    assert unnamed is again
    assert unnamed.name == name


@pytest.mark.parametrize(("of", "number"), [(Protocol, -1), (Protocol, 65536), (Forwarding, 8), (TunnelType, 256)])
def test_a_number_that_the_kernel_cannot_hold_is_no_member(
    of: type[Protocol] | type[Forwarding] | type[TunnelType], number: int
) -> None:
    with pytest.raises(ValueError, match=str(number)):
        of(number)


def test_unnamed_members_do_not_join_the_named_ones() -> None:
    assert Protocol(47) not in list(Protocol)
    assert list(TunnelType) == [TunnelType.IPIP, TunnelType.GUE, TunnelType.GRE]


def test_a_family_is_known_by_the_address() -> None:
    assert address_key("tcp:192.0.2.1:80").family is Family.IPV4
    assert address_key("tcp:[2001:db8::1]:80").family is Family.IPV6


def test_keys_of_different_rows_never_meet() -> None:
    address = address_key("tcp:0.0.0.80:0")
    mapped = address_key("tcp:[::ffff:0.0.0.80]:0")
    marks = [MarkKey(80, family) for family in Family]
    keys: list[ServiceKey] = [address, mapped, *marks]
    rows: list[RowKey] = [*keys, *(ServerKey(key, WEB) for key in keys)]
    assert len(set(rows)) == 8


@laws
@given(st.integers(0, 32))
def test_a_netmask_is_written_as_a_prefix(bits: int) -> None:
    persistence = Persistence(mask=IPv4Network((0, bits)).netmask)
    assert persistence.prefix == bits
    assert persistence.wide == (bits < 32)


def test_a_netmask_with_holes_has_no_prefix() -> None:
    assert Persistence(mask=IPv4Address("255.0.255.0")).prefix is None
    assert Persistence(mask=IPv4Address("0.0.0.1")).prefix is None


@pytest.mark.parametrize(("prefix", "wide"), [(128, False), (64, True), (1, True)])
def test_a_prefix_is_returned_as_it_is(prefix: int, wide: bool) -> None:
    assert Persistence(mask=prefix).prefix == prefix
    assert Persistence(mask=prefix).wide is wide


@laws
@given(services(), servers())
def test_a_bare_value_has_no_part_of_the_profile_and_is_given_back_as_it_is(
    service: Service, server: RealServer
) -> None:
    assert (strip_profile_values(service).name, strip_profile_values(service).note) == ("", "")
    assert (strip_profile_values(server).name, strip_profile_values(server).resume) == ("", None)
    assert strip_profile_values(service).probe is None
    assert strip_profile_values(service).key == service.key
    plain = strip_profile_values(server)
    assert strip_profile_values(plain) is plain
