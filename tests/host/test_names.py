"""Names of hosts: what the machine knows, and no longer than it is patient for all of them together."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from threading import Event

import pytest

from lvstui.host.names import HostNames


def test_names_of_hosts_and_ports_are_those_of_the_machine() -> None:
    names = HostNames(patience=120)
    assert ip_address("127.0.0.1") in names.addresses("localhost")
    assert names.addresses("no such name") == ()
    assert (names.port("domain", "udp"), names.port("no-such-port", "udp")) == (53, None)


def test_all_names_together_take_no_longer_than_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    over = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait())
    names = HostNames(patience=0.0001)
    sentences = []
    for number in range(100):
        with pytest.raises(TimeoutError) as raised:
            names.addresses(f"host{number}.example.invalid")
        sentences.append(str(raised.value))
    over.set()
    first, *others = sentences
    assert first == "the name servers did not say in time"
    assert set(others) == {"the names above took 0.0001 s, so nobody was asked"}
