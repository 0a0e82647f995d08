"""The addresses of interfaces, as `ip address` gives them in a namespace of our own."""

from __future__ import annotations

from contextlib import closing
from ipaddress import ip_address

from lvstui.core.model import Address
from lvstui.kernel.netlink.addresses import Addresses
from tests.kernel.nft.alone import alone, needs, output

pytestmark = needs("ip", "link")


def these(*words: str) -> tuple[Address, ...]:
    return tuple(map(ip_address, words))


@alone
def test_addresses_are_read_and_again_once_they_changed() -> None:
    with closing(Addresses(None)) as addresses:
        assert addresses.read()["lo"] == ()
        output("ip", "link", "set", "lo", "up")
        assert addresses.read()["lo"] == these("127.0.0.1", "::1")
        assert addresses.read() is addresses.read()
        output("ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
        for words in ("10.0.0.1/24", "10.0.1.1/24", "2001:db8::1/64 nodad", "2001:db8::2/64"):
            output("ip", "address", "add", *words.split(), "dev", "one")
        # The second one of IPv4 is nowhere asked for, and the last one of IPv6 is still tentative.
        assert addresses.read()["one"] == these("10.0.0.1", "2001:db8::1")
        output("ip", "address", "del", "10.0.0.1/24", "dev", "one")
        output("ip", "link", "set", "one", "name", "three")
        found = addresses.read()
        assert (found["three"], "one" in found) == (these("10.0.1.1", "2001:db8::1"), False)


@alone
def test_of_thousands_of_addresses_the_first_is_read_fast() -> None:
    output("ip", "link", "add", "one", "type", "veth", "peer", "name", "two")
    lines = (f"addr add 10.{number >> 8}.{number & 255}.1/32 dev one" for number in range(3000))
    output("ip", "-batch", "-", text="\n".join(lines))
    with closing(Addresses(None)) as addresses:
        assert addresses.read()["one"] == these("10.0.0.1")


def test_of_a_namespace_that_is_not_there_nothing_is_known() -> None:
    with closing(Addresses("no-such-namespace")) as addresses:
        assert addresses.read() == {}
