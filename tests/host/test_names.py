"""Names of hosts: what the machine knows, and no longer than it is patient for all of them together."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest

from lvstui.host.names import HostNames


def test_names_of_hosts_and_ports_are_those_of_the_machine() -> None:
    names = HostNames()
    assert ip_address("127.0.0.1") in names.addresses("localhost")
    assert names.addresses("no such name") == ()
    assert (names.port("domain", "udp"), names.port("no-such-port", "udp")) == (53, None)


def test_all_names_together_take_no_longer_than_the_patience() -> None:
    names = HostNames(patience=0.0001)
    began = time.monotonic()
    sentences = set()
    for number in range(100):
        with pytest.raises(TimeoutError) as raised:
            names.addresses(f"host{number}.example.invalid")
        sentences.add(str(raised.value))
    assert time.monotonic() - began < 1
    assert sentences == {"the name servers did not say in time", "the names above took 0.0001 s, so nobody was asked"}
