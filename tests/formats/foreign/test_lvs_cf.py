"""lvs.cf of Piranha as a director: names, the one method of all, marks, checks, and what is lost."""

from __future__ import annotations

import pytest

from lvstui.core import fields
from lvstui.core.model import (
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Probe,
    ProbeType,
    Statuses,
    SyncDaemon,
    SyncRole,
    Timeouts,
)
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.write import write
from tests.formats.foreign import exported, piranha
from tests.formats.foreign.names import load, lost, told

SAMPLE = """\
serial_no = 40
primary = 192.0.2.1
service = lvs
network = direct
tcp_timeout = 800
tcpfin_timeout = 100
udp_timeout = 200
virtual shop {
    active = 1
    address = 192.0.2.10 eth0:1
    vip_nmask = 255.255.255.255
    port = 80
    persistent = 300
    pmask = 255.255.255.0
    send = "GET / HTTP/1.0\\r\\n\\r\\n"
    expect = "HTTP"   # a comment
    scheduler = wrr
    protocol = tcp
    timeout = 6
    server web1 {
        address = 10.0.0.11
        active = 1
        weight = 3
    }
    server web2 {
        address = 10.0.0.12
        active = 0
        weight = 1
    }
}
virtual marked {
    active = 1
    address = 192.0.2.11 eth0:2
    fwmark = 80
    port = 443
    server web1 {
        address = 10.0.0.11
        active = 1
        port = 443
    }
}
virtual old {
    active = 0
    address = 192.0.2.12
    port = 25
}
"""


def test_blocks_become_services_with_their_names() -> None:
    found = load(Form.LVS_CF, SAMPLE)
    assert found.mistakes == ()
    assert found.director.timeouts == Timeouts(800, 100, 200)
    shop, marked = found.director.pools.values()
    assert (shop.service.name, shop.service.scheduler) == ("shop", "wrr")
    assert shop.service.persistence == Persistence(300, fields.netmask("255.255.255.0"))
    assert shop.service.probe == Probe(ProbeType.HTTP, status=(Statuses(100, 599),))
    (web1,) = shop.servers.values()
    assert (web1.name, web1.weight, web1.forwarding, web1.endpoint.port) == ("web1", 3, Forwarding.ROUTE, 80)
    assert isinstance(marked.service.key, MarkKey)
    assert marked.service.probe == Probe(ProbeType.TCP, port=443)
    assert [fields.server_text(one) for one in marked.servers] == ["10.0.0.11:0"]


def test_what_a_profile_cannot_hold_is_told_by_its_line() -> None:
    found = [one.partition(":")[0] for one in lost(load(Form.LVS_CF, SAMPLE))]
    assert found == ["1", "2", "10", "11", "16", "19", "27", "33", "33", "39", "43"]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "1: error: network: is missing"),
        ("network = fast", "1: error: network: must be nat, direct or tunnel"),
        ("service = fos", "1: error: service: must be lvs"),
        ("network = nat\nvirtual a {\n active = 1\n port = 80\n}", "2: error: address: is missing"),
        ("network = nat\nvirtual a {\n address = 192.0.2.1\n}", "2: error: active: is missing"),
        ("network = nat\nvirtual a {\n active = 0", "2: error: virtual: is not closed"),
        ("network = nat\nvirtual a {\n activ = 0\n}", "3: error: activ: is not known in virtual; did you mean active?"),
        ("network = nat\nserver a {\n}", "2: error: server: cannot begin here"),
        ("network = nat\nhello", '2: error: line: "hello" is no KEY = VALUE'),
    ],
)
def test_what_is_wrong_is_told_by_its_line(lines: str, sentence: str) -> None:
    assert any(one.startswith(sentence) for one in told(load(Form.LVS_CF, lines)))


DAEMON = "network = nat\nsyncdaemon = 1\nsyncd_iface = eth1\nsyncd_id = 7\n"


def test_the_sync_daemon_of_a_director_without_partner_is_the_master_and_with_one_it_is_left_out() -> None:
    alone = load(Form.LVS_CF, f"{DAEMON}backup_active = 0\n")
    assert alone.director.daemons == {SyncRole.MASTER: SyncDaemon(SyncRole.MASTER, "eth1", 7)}
    paired = load(Form.LVS_CF, f"{DAEMON}backup_active = 1\n")
    assert not paired.director.daemons
    assert [one.partition(":")[0] for one in lost(paired)] == ["2", "3", "4", "5"]
    assert "without syncdaemon = 1 it means nothing" in lost(load(Form.LVS_CF, DAEMON.replace("n = 1", "n = 0")))[1]
    assert told(load(Form.LVS_CF, DAEMON.replace("7", "777")))[0].startswith("4: error: syncd_id: must be")


MANUAL = """\
serial_no = 17
primary = 192.0.2.1
service = lvs
rsh_command = rsh
backup_active = 1
backup = 192.0.2.2
heartbeat = 1
heartbeat_port = 539
keepalive = 6
deadtime = 18
network = nat
nat_router = 10.0.0.254 eth1:1
nat_nmask = 255.255.255.0
reservation_conflict_action = preempt
debug_level = NONE
virtual web {
        active = 1
        address = 192.0.2.10 eth0:1
        vip_nmask = 255.255.255.0
        fwmark = 80
        port = 80
        persistent = 300
        pmask = 255.255.255.0
        expect = "HTTP"
        use_regex = 0
        send = "GET / HTTP/1.0\\r\\n\\r\\n"
        load_monitor = none
        scheduler = lc
        protocol = tcp
        timeout = 10
        reentry = 180
        quiesce_server = 1
        server one {
                address = 10.0.0.1
                active = 1
                weight = 1
        }
        server two {
                address = 10.0.0.2
                active = 1
                port = 8080
                weight = 3
        }
}
virtual mail {
        active = 1
        address = 192.0.2.11 eth0:2
        port = 25
        scheduler = rr
        server one {
                address = 10.0.0.1
                active = 1
        }
}
"""


def test_a_file_as_the_manual_shows_them_is_read_with_piranhas_defaults() -> None:
    assert piranha.parse(MANUAL).inner[0].values["send"] == ["GET / HTTP/1.0\\r\\n\\r\\n"]
    found = load(Form.LVS_CF, MANUAL)
    assert [one for one in told(found) if ": error: " in one] == []
    web, mail = found.director.pools.values()
    assert (web.service.key, web.service.name) == (MarkKey(80, Family.IPV4), "web")
    assert [fields.server_text(one) for one in web.servers] == ["10.0.0.1:80", "10.0.0.2:8080"]
    assert [fields.server_text(one) for one in mail.servers] == ["10.0.0.1:25"]


@pytest.mark.parametrize("seed", range(30))
def test_piranhas_parser_takes_what_we_write(seed: int) -> None:
    written = write(Form.LVS_CF, exported.director(seed))
    whole = piranha.parse(written.text)
    assert len(whole.inner) == len(written.fitted.pools)
    for part, pool in zip(whole.inner, written.fitted.pools.values(), strict=True):
        assert part.values["scheduler"] == [pool.service.scheduler]
        assert part.values["active"] == ["1"]
        ends = [(one.values["address"][0], one.values["weight"][0]) for one in part.inner]
        assert ends == [(str(one.endpoint.address), str(one.weight)) for one in pool.servers.values()]
        names = [one.name for one in part.inner]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("scheduler = mh", "must be one of dh, lblc, lblcr, lc, rr, sh, wlc, wrr, which Piranha knows"),
        ("port = 99999", "must be from 1 to 65535"),
    ],
)
def test_what_piranha_refuses_is_told(lines: str, sentence: str) -> None:
    text = f"network = nat\nvirtual x {{\nactive = 1\naddress = 192.0.2.1 eth0:1\n{lines}\n}}\n"
    assert sentence in told(load(Form.LVS_CF, text))[0]


def test_names_that_only_piranha_needs_are_no_names_and_a_mask_of_0_is_none() -> None:
    text = "network = nat\nvirtual tcp-192.0.2.1-80 {\nactive = 1\naddress = 192.0.2.1 eth0:1\n"
    text += "persistent = 60\npmask = 0.0.0.0\nserver 10.0.0.1-80 {\nactive = 1\naddress = 10.0.0.1\n}\n}\n"
    (pool,) = load(Form.LVS_CF, text).director.pools.values()
    assert (pool.service.name, [one.name for one in pool.servers.values()]) == ("", [""])
    assert pool.service.persistence == Persistence(60)


def test_what_is_sent_and_expected_over_udp_is_lost_aloud() -> None:
    text = "network = nat\nvirtual x {\nactive = 1\naddress = 192.0.2.1 eth0:1\nprotocol = udp\n"
    text += 'send = "ping"\nexpect = "pong"\n}\n'
    assert [line.partition(": left")[0] for line in lost(load(Form.LVS_CF, text))][1:] == [
        "6: send = ping",
        "7: expect = pong",
    ]


def test_a_path_that_a_profile_would_cut_is_no_path_to_ask_for() -> None:
    text = "network = nat\nvirtual x {\nactive = 1\naddress = 192.0.2.1 eth0:1\nport = 80\n"
    found = load(Form.LVS_CF, text + 'send = "GET /\u2028 HTTP/1.0\\r\\n\\r\\n"\nexpect = "HTTP"\n}\n')
    (pool,) = found.director.pools.values()
    assert pool.service.probe == Probe(ProbeType.TCP)
    assert any("6: send = GET /" in line for line in lost(found))
