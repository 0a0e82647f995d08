"""What is written for other programs: read back, it is the director as far as the losses say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import given

from lvstui.core import fields, probe_fields
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    Pool,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    Service,
    SyncDaemon,
    SyncRole,
)
from lvstui.formats.foreign.recognise import Form, recognise
from lvstui.formats.foreign.write import Written, write
from tests.core.strategies import directors, laws
from tests.formats.foreign.names import load, told
from tests.kernel import corpus

FORMS = tuple(Form)


def by_bytes(director: Director) -> Director:
    """Return a director whose probes send the same bytes, each written as hex."""

    def service(one: Service) -> Service:
        if one.probe is None or not one.probe.send:
            return one
        return replace(one, probe=replace(one.probe, send=f"hex:{probe_fields.payload(one.probe.send).hex()}"))

    return replace(
        director, pools={key: replace(pool, service=service(pool.service)) for key, pool in director.pools.items()}
    )


def unsaid(director: Director, written: Written) -> Iterator[str]:
    """Yield each difference between a director and what is written of it that no loss speaks of."""
    said = {loss.where for loss in written.losses}
    fitted, wanted = by_bytes(written.fitted), by_bytes(director)
    if wanted.timeouts != fitted.timeouts and "timeouts" not in said:
        yield "timeouts"
    for role in wanted.daemons.keys() - fitted.daemons.keys():
        if f"sync {fields.ROLE_WORDS[role]}" not in said:
            yield f"sync {role}"
    for name in (*wanted.sysctl, wanted.name):
        if name and "director" not in said:
            yield "director"
    for key, pool in wanted.pools.items():
        where = fields.service_text(key)
        written_pool = fitted.pools.get(key)
        if (written_pool is None or written_pool.service != pool.service) and where not in said:
            yield where
        servers = written_pool.servers if written_pool else {}
        moved = set()
        for endpoint, server in pool.servers.items():
            own = f"{where} / {fields.server_text(endpoint)}"
            if servers.get(endpoint) != server and not {own, where} & said:
                yield own
            moved |= {endpoint.address} if own in said else set()
        yield from (f"{where}: {one}" for one in servers.keys() - pool.servers.keys() if one.address not in moved)


def check_written(form: Form, director: Director) -> None:
    """Check what is written of a director for a program."""
    written = write(form, director)
    text = written.text
    assert all(fields.visible(line.replace("\t", "")) == line.replace("\t", "") for line in text.split("\n"))
    assert all(len(line.encode()) < 1024 for line in text.split("\n"))
    if written.fitted.pools:
        assert recognise(text) is form
    found = load(form, text)
    assert [one for one in told(found) if ": error: " in one] == []
    assert found.director.pools == written.fitted.pools
    assert found.director.timeouts == written.fitted.timeouts
    assert found.director.daemons == written.fitted.daemons
    assert list(unsaid(director, written)) == []


@pytest.mark.parametrize("form", FORMS)
@laws
@given(directors())
def test_what_is_read_back_is_the_director_as_far_as_the_losses_say(form: Form, director: Director) -> None:
    check_written(form, director)


@pytest.mark.parametrize("form", FORMS)
def test_what_ipvsadm_can_make_is_read_back_as_far_as_the_losses_say(form: Form) -> None:
    for seed in range(20):
        check_written(form, corpus.generate(seed, 12))


def test_a_page_whose_line_piranha_would_be_given_too_long_is_written_as_a_connection() -> None:
    key = AddressKey(Protocol.TCP, IPv4Address("192.0.2.1"), 80)
    server = RealServer(Endpoint(IPv4Address("10.0.0.1"), 80))
    probe = Probe(ProbeType.HTTP, path="/" + "a" * 1000)
    check_written(Form.LVS_CF, Director({key: Pool(Service(key, probe=probe), {server.endpoint: server})}))


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        (Form.KEEPALIVED, "keepalived starts a master and a backup that are alike, or the one of them that its VRRP"),
        (Form.LDIRECTORD, "ldirectord starts none"),
        (Form.LVS_CF, "Piranha starts a master alone, and says its interface and id only"),
    ],
)
def test_a_sync_daemon_that_a_program_does_not_start_is_lost_with_those_that_it_does(form: Form, rule: str) -> None:
    daemon = SyncDaemon(SyncRole.BACKUP, "eth0", 5)
    (loss,) = write(form, Director(sync={SyncRole.BACKUP: daemon})).losses
    assert rule in str(loss)


def test_a_server_in_two_services_is_written_with_the_thresholds_that_ldirectord_gives_it() -> None:
    keys = [AddressKey(Protocol.TCP, IPv4Address("192.0.2.1"), port) for port in (80, 81, 82)]
    server = RealServer(Endpoint(IPv4Address("10.0.0.1"), 80), Forwarding.MASQ, upper=9, lower=3)
    others = (server, replace(server, upper=5, lower=0), replace(server, upper=5, lower=0, weight=2))
    director = Director({key: Pool(Service(key), {one.endpoint: one}) for key, one in zip(keys, others, strict=True)})
    for form in FORMS:
        check_written(form, director)
    written = write(Form.LDIRECTORD, director)
    limits = [(one.upper, one.lower) for pool in written.fitted.pools.values() for one in pool.servers.values()]
    assert limits == [(9, 3), (9, 3), (5, 0)]
    assert [loss.where for loss in written.losses] == ["tcp:192.0.2.1:81 / 10.0.0.1:80"]
