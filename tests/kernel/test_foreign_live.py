"""What we write for keepalived and ldirectord they make the same table of, and what people write, import reads so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lvstui.core.fields import service
from lvstui.core.model import (
    AddressKey,
    Director,
    Endpoint,
    Forwarding,
    Pool,
    Probe,
    ProbeType,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    Statuses,
)
from lvstui.formats.foreign.read import read
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.write import write
from lvstui.host.names import HostNames
from lvstui.kernel.live import Live
from lvstui.store.foreign_files import find_included
from tests.formats.foreign import exported, wild, wild_ldirectord, wild_text
from tests.formats.foreign.names import load, told
from tests.formats.foreign.samples import SAMPLES
from tests.kernel import corpus
from tests.kernel.foreign import PROGRAMS, kernels_part, known_hosts, made_by
from tests.kernel.ipvsadm import ipvsadm, saved
from tests.kernel.probes.servers import name_server, pages, tcp, udp

pytestmark = pytest.mark.kernel

SEEDS = range(2)


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize("seed", SEEDS)
def test_what_we_write_becomes_the_same_table(live: Live, tmp_path: Path, form: Form, seed: int) -> None:
    written = write(form, exported.plain(seed, 2))
    with made_by(live, form, written.text, tmp_path, written.fitted) as made:
        assert made.pools == kernels_part(written.fitted)
        assert saved() == corpus.saved(written.fitted)
        assert written.fitted.timeouts in (None, made.timeouts)


_SAMPLES = [(form, text) for form, texts in SAMPLES.items() for text in texts]


@pytest.mark.parametrize(("form", "text"), _SAMPLES, ids=[f"{form.value}-{n}" for n, (form, _) in enumerate(_SAMPLES)])
def test_samples_are_imported_as_the_program_takes_them(live: Live, tmp_path: Path, form: Form, text: str) -> None:
    found = load(form, text, identity="lab")
    assert [one for one in told(found) if ": error: " in one] == []
    with made_by(live, form, text, tmp_path, found.director) as made:
        assert made.pools == kernels_part(found.director)
        assert found.director.timeouts in (None, made.timeouts)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Path]:
    """Yield a file that stands in the place of /etc/hosts for as long."""
    path = tmp_path / "hosts"
    with known_hosts(path):
        yield path


@pytest.mark.parametrize("seed", SEEDS)
def test_what_people_write_for_keepalived_is_imported_as_it_takes_it(live: Live, tmp_path: Path, seed: int) -> None:
    text, files = wild_text.rewritten(wild.keepalived(seed), seed)
    found = load(Form.KEEPALIVED, text, files, wild_text.IDENTITY).director
    with made_by(live, Form.KEEPALIVED, text, tmp_path, found, files=files) as made:
        assert made.pools == kernels_part(found)
        assert found.timeouts in (None, made.timeouts)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.usefixtures("hosts")
def test_what_people_write_for_ldirectord_is_imported_as_it_takes_it(live: Live, tmp_path: Path, seed: int) -> None:
    text = wild_ldirectord.ldirectord(seed)
    found = load(Form.LDIRECTORD, text).director
    with made_by(live, Form.LDIRECTORD, text, tmp_path, found, still=30) as made:
        assert made.pools == kernels_part(found)


@pytest.mark.parametrize("form", PROGRAMS)
def test_checks_keep_the_servers_that_answer_and_take_out_the_others(live: Live, tmp_path: Path, form: Form) -> None:
    with ExitStack() as stack:
        web, secure = stack.enter_context(pages()), stack.enter_context(pages("valid"))
        port, names = stack.enter_context(tcp(lambda _: None)), stack.enter_context(udp(name_server(0, 1)))
        good, patient = (Statuses(200, 299),), 20.0  # a guest may be slow
        asked = {
            "tcp:192.0.2.1:80": (web, Probe(ProbeType.HTTP, path="/200", status=good, timeout=patient)),
            "tcp:192.0.2.1:81": (web, Probe(ProbeType.HTTP, path="/500", status=good, timeout=patient)),
            "tcp:192.0.2.1:443": (secure, Probe(ProbeType.HTTPS, path="/204", status=good, timeout=patient)),
            "tcp:192.0.2.1:25": (port, Probe()),
            "udp:192.0.2.1:53": (names, Probe(ProbeType.DNS, name="shop.example.net")),
        }
        if form is Form.LDIRECTORD:  # whose library wants a certificate that the machine trusts
            del asked["tcp:192.0.2.1:443"]
        given = Director({service(key): _pool(key, end, probe, dead=True) for key, (end, probe) in asked.items()})
        lives = Director({service(key): _pool(key, end, probe, dead=False) for key, (end, probe) in asked.items()})
        text = write(form, given).text.replace("    lvs_sched", f"{SOON}    lvs_sched")
        with made_by(live, form, text, tmp_path, lives, still=30) as made:
            assert made.pools == kernels_part(lives)


SOON = "    delay_loop 1\n    retry 1\n    delay_before_retry 1\n"
"""For keepalived, which else takes up to a minute until its first check."""


def _pool(key: str, endpoint: Endpoint, probe: Probe, *, dead: bool) -> Pool:
    """Return a service with the server at an endpoint, and one where nothing answers."""
    ends = [endpoint, Endpoint(IPv4Address("127.0.0.9"), endpoint.port)] if dead else [endpoint]
    servers = {end: RealServer(end, Forwarding.MASQ) for end in ends if dead or probe.path != "/500"}
    return Pool(Service(service(key), "rr", probe=probe), servers)


def test_what_ipvsadm_saves_with_names_of_hosts_and_ports_is_read_as_its_table(live: Live, hosts: Path) -> None:
    wanted = corpus.generate(seed=7, services=200)
    ipvsadm("-R", lines=corpus.loadable(wanted))
    addresses = dict.fromkeys(
        address
        for key, pool in wanted.pools.items()
        for address in (*([key.address] if isinstance(key, AddressKey) else []), *(end.address for end in pool.servers))
    )
    lines = [f"{address} host{number}.example" for number, address in enumerate(addresses)]
    hosts.write_text("\n".join(["127.0.0.1 localhost", *lines, ""]))
    text = ipvsadm("-S")
    assert "host1.example" in text
    assert ":https" in text
    found = read(Form.IPVSADM, text, "saved", HostNames(60), find_included)
    assert [one for one in told(found) if ": error: " in one] == []
    assert found.director.pools == _as_saved(wanted)
    ipvsadm("-C")
    ipvsadm("-R", lines=write(Form.IPVSADM, wanted).text.splitlines())
    assert live.read().director.pools == wanted.pools


def _as_saved(director: Director) -> dict[ServiceKey, Pool]:
    """Leave out what ipvsadm forgets when it saves: thresholds, and flag-3 of sh and mh beside their other flags."""
    pools: dict[ServiceKey, Pool] = {}
    for key, pool in director.pools.items():
        service = pool.service
        if service.scheduler in ("sh", "mh") and service.flags & (ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2):
            service = replace(service, flags=service.flags & ~ServiceFlags.SCHED_3)
        servers = {end: replace(one, upper=0, lower=0) for end, one in pool.servers.items()}
        pools[key] = Pool(service, servers)
    return pools
