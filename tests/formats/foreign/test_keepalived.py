"""keepalived.conf as a director: defaults, inheritance, groups, what its preprocessor does, and what is lost."""

from __future__ import annotations

from ipaddress import IPv4Address
from itertools import pairwise

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
from lvstui.formats.foreign.draft import Imported
from lvstui.formats.foreign.recognise import Form
from tests.formats.foreign.names import load, lost, told

SAMPLE = """\
! the shop's director
global_defs {
    router_id lb1
    lvs_timeouts tcp 900 tcpfin 60 udp 300
}
vrrp_instance VI_1 {
    state MASTER
    virtual_ipaddress { 192.0.2.10 }
}
virtual_server 192.0.2.10 443 {
    delay_loop 6
    lb_algo wrr
    lb_kind DR
    protocol TCP
    persistence_granularity 255.255.255.0
    weight 7
    virtualhost www.example.net
    sorry_server 127.0.0.1 443
    real_server 10.0.0.11 443 {
        uthreshold 200
        lthreshold 100
        SSL_GET {
            url {
                path /health
                status_code 200-204 301
            }
            connect_timeout 3
            retry 3
        }
    }
    real_server 10.0.0.12 8443 { weight 1
        inhibit_on_failure
        SSL_GET { url { path /health
            status_code 200-204 301 }
            connect_timeout 3 }
    }
    real_server 10.0.0.13 444 {
        lvs_method NAT
        SSL_GET { url { path /health
            status_code 200-204 301 }
            connect_timeout 3 }
    }
}
virtual_server fwmark 80 {
    lvs_method TUN type gue port 6080 csum
    ip_family inet6
    real_server fd00::11 80 { weight 2 }
}
"""


def keys(found: Imported) -> list[str]:
    return [fields.service_text(key) for key in found.director.pools]


def test_virtual_servers_become_services_with_what_they_inherit() -> None:
    found = load(Form.KEEPALIVED, SAMPLE)
    assert found.mistakes == ()
    assert found.director.timeouts == Timeouts(900, 60, 300)
    web, mark = found.director.pools.values()
    assert web.service.scheduler == "wrr"
    assert web.service.persistence == Persistence(360, IPv4Address("255.255.255.0"))
    assert [(fields.server_text(end), one.weight) for end, one in web.servers.items()] == [
        ("10.0.0.11:443", 7),
        ("10.0.0.12:443", 1),
        ("10.0.0.13:444", 7),
    ]
    assert [one.forwarding for one in web.servers.values()][1:] == [Forwarding.ROUTE, Forwarding.MASQ]
    asked = (Statuses(200, 204), Statuses(301, 301))
    assert web.service.probe == Probe(ProbeType.HTTPS, 0, "/health", asked, "www.example.net", timeout=3.0)
    assert mark.service.key == MarkKey(80, Family.IPV6)
    assert [fields.server_text(one) for one in mark.servers] == ["[fd00::11]:0"]
    assert [one.tunnel.port for one in mark.servers.values()] == [6080]


def test_what_a_profile_cannot_hold_is_told_by_its_line() -> None:
    found = lost(load(Form.KEEPALIVED, SAMPLE))
    where = " ".join(one.partition(":")[0] for one in found)
    assert where == "1 3 6 10 11 18 22 28 31 32 33 39 47"
    assert found[2] == "6: vrrp_instance VI_1 with 4 lines: left out: it is no part of IPVS"


def test_what_is_not_said_is_as_keepalived_takes_it_and_told() -> None:
    found = load(Form.KEEPALIVED, "virtual_server 192.0.2.1 {\nreal_server 10.0.0.1 {\n}\n}\n")
    (pool,) = found.director.pools.values()
    assert keys(found) == ["udp:192.0.2.1:0"]
    assert (pool.service.scheduler, pool.service.persistence) == ("wlc", Persistence(360))
    assert [one.forwarding for one in pool.servers.values()] == [Forwarding.MASQ]
    assert {one.split(": ")[1] for one in lost(found)} == {"protocol", "lvs_method", "persistence_timeout"}


GROUP = """\
virtual_server_group g {
    192.0.2.20-21 5060
    198.51.100.8/31 5060
    192.0.2.255-192.0.3.0 5060
    2001:db8::9-b 5060
    fwmark 7 inet6
}
virtual_server group g {
    protocol UDP
    lvs_method TUN
    real_server 10.0.0.1 5060 {
    }
}
"""


def test_a_group_becomes_a_service_for_each_of_its_addresses_and_marks() -> None:
    found = load(Form.KEEPALIVED, GROUP)
    assert keys(found) == [
        *("udp:192.0.2.20:5060", "udp:192.0.2.21:5060", "udp:198.51.100.8:5060", "udp:198.51.100.9:5060"),
        *("udp:192.0.2.255:5060", "udp:192.0.3.0:5060"),
        *("udp:[2001:db8::9]:5060", "udp:[2001:db8::a]:5060", "udp:[2001:db8::b]:5060", "mark6:7"),
    ]
    assert any("written as 10 services" in one for one in lost(found))


EXPANDED = """\
$VIP=192.0.2.10
$RS= \\
    real_server 10.0.0.${N} 80 { \\
        weight 2 \\
    }
include conf.d/*
@lb1 $PORT=80
@^lb1 $PORT=81
virtual_server $VIP $PORT {
    protocol TCP
    ~SEQ(N, 1, 2) $RS
    ~LST({A, B}, {7, 8}, {9, 10}) real_server 10.0.${A}.${B} 80
    {
    }
}
"""


def test_includes_conditions_definitions_and_sequences_are_expanded() -> None:
    included = {"conf.d/a": "virtual_server $VIP 443 {\nprotocol TCP\nreal_server 10.0.0.9 443 {\n}\n}\n"}
    text = EXPANDED.replace("{A, B}, {7, 8}, {9, 10}", "{A, B}, {9, 10}")
    found = load(Form.KEEPALIVED, text, included, "lb1")
    assert found.mistakes == ()
    assert keys(found) == ["tcp:192.0.2.10:443", "tcp:192.0.2.10:80"]
    *_, pool = found.director.pools.values()
    assert [fields.server_text(one) for one in pool.servers] == ["10.0.0.1:80", "10.0.0.2:80", "10.0.9.10:80"]
    assert [one.weight for one in pool.servers.values()] == [2, 2, 1]


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("$A=1\nx $A ${A}2 $A.3 $B", "x 1 12 $A.3 $B"),
        ('x \\# \\! "a # b" # c', "x # ! a # b"),
        ("x ${_HASH} ${_BANG} ${_INSTANCE}", "x # ! lb1"),
        ("@lb1 $A= \\\n x \\\n y\n@lb2 $A= \\\n z\n$A", "x|y"),
        ("~SEQx(A, 9, 11) x$A", "x9|xa|xb"),
        ("~SEQ(A, 2) ~LST(B, p, q) ${A}${B}", "1p|1q|2p|2q"),
    ],
)
def test_lines_are_what_keepalived_makes_of_them(line: str, read: str) -> None:
    found = load(Form.KEEPALIVED, line, {}, "lb1")
    assert found.mistakes == ()
    assert "|".join(one.what for one in found.losses if one.what != "comments") == read


def test_a_loss_in_an_included_file_names_that_file() -> None:
    found = load(Form.KEEPALIVED, "include a\n", {"a": "\nvrrp_sync_group g {\n}\n"})
    assert [str(one) for one in found.losses] == ["a:2: loss: vrrp_sync_group g: left out: it is no part of IPVS"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("@lb1 $A=1", "1: error: @lb1: counts only for some directors; say which one by --config-id NAME"),
        (
            "virtual_server $A 80 {\nprotocol TCP\nreal_server 10.0.0.1 80 {\n}\n}",
            '1: error: virtual_server: "$A" is not an IPv4',
        ),
        ("weight ${_RANDOM 1 9}", "1: error: ${_RANDOM 1 9}: is worked out by keepalived itself"),
        ("x ${_INSTANCE}", "1: error: ${_INSTANCE}: is what keepalived has by -i"),
        ('x "y', "1: error: line: a quote is not closed"),
        ("include none", '1: error: include: there is no file "none"'),
        ("include unreadable", "1: error: include: cannot be read"),
        ("include file", "1: error: include: files include each other without end"),
        ("$A=$A\n$A", "2: error: definition: definitions stand in each other"),
        ("~SEQ(A, 1, 0, 2) x", "1: error: ~SEQ: a step of 0"),
        ("~XYZ(A) x", "1: error: sequence: "),
        ("virtual_server 192.0.2.1 80 {", "1: error: virtual_server: is not closed"),
        ("}", "1: error: }: closes no block"),
        ("{", "1: error: {: opens a block of nothing"),
        (
            "virtual_server group g {\nreal_server 10.0.0.1 {\n}\n}",
            "1: error: virtual_server: there is no virtual_server_g",
        ),
        (
            "virtual_server 192.0.2.1 80 {\nprotocol XTP\nreal_server 10.0.0.1 {\n}\n}",
            "2: error: protocol: must be TCP",
        ),
        ("virtual_server 192.0.2.1 80 {\nprotocl TCP\n}", "2: error: protocl: is not known in virtual_server; did you"),
        ("virtual_server 192.0.2.1 80 {\nlb_kind XX\n}", "2: error: lvs_method: must be NAT, DR or TUN"),
        ("virtual_server 192.0.2.1 80 {\nreal_server 10.0.0.1 80 {\nweight x\n}\n}", "3: error: weight: must be"),
        ("virtual_server 192.0.2.1 80 {\nreal_server fd00::1 80 {\n}\n}", "2: error: forwarding: only tunnel leads"),
        ("global_defs {\nlvs_timeouts tcp x tcpfin 1 udp 1\n}", "2: error: lvs_timeouts: must be"),
    ],
)
def test_what_cannot_be_expanded_or_is_wrong_is_told_by_its_line(text: str, sentence: str) -> None:
    found = told(load(Form.KEEPALIVED, text, {"file": "include file\n"}))
    assert any(one.startswith(sentence) for one in found), found


def test_what_expands_without_end_is_refused_by_its_line() -> None:
    names = "ABCDEFGHIJK"
    doubled = "".join(f"${name}={f'${{{before}}}' * 8}\n" for before, name in pairwise(names))
    for text, sentence in (
        ("\n~SEQ(A, 1, 99999) x$A\n", "2: error: ~SEQ: has more than 50,000 rounds"),
        ("\n~SEQ(A, 1, 9999) ~SEQ(B, 1, 9999) x$A\n", "2: error: file: definitions and sequences bring forth too"),
        (f"$A=xxxxxxxxxx\n{doubled}$K\n", "12: error: file: definitions and sequences bring forth too many lines"),
        ("\ninclude file\n" * 3, "2: error: include: files include each other without end"),
        ("\n}" * 2000, "1002: error: file: more than 1,000 errors up to here"),
    ):
        assert told(load(Form.KEEPALIVED, text, {"file": text}))[-1].startswith(sentence)


def test_a_file_as_large_as_one_may_be_is_read_with_all_its_files_and_lines() -> None:
    files = {f"conf.d/{number}": f"$N={number}\n$VS\n" for number in range(3000)}
    server = "real_server 10.0.0.%d 80 { \\\n weight 2 \\\n } \\\n"
    servers = "".join(server % number for number in range(1, 11))
    whole = f"$VS= \\\nvirtual_server fwmark ${{N}}1 {{ \\\n lvs_method DR \\\n {servers} }}\ninclude conf.d/*\n"
    found = load(Form.KEEPALIVED, whole, files)
    assert found.mistakes == ()
    assert sum(len(pool.servers) for pool in found.director.pools.values()) == 30_000


def test_sync_daemons_that_always_run_are_kept_and_those_of_vrrp_are_left_out_with_their_instance() -> None:
    always = load(Form.KEEPALIVED, "global_defs {\nlvs_sync_daemon eth1 id 7 maxlen 1400 port 9000 ttl 2\n}\n")
    assert always.director.daemons == {
        role: SyncDaemon(role, "eth1", 7, 1400, port=9000, ttl=2) for role in (SyncRole.MASTER, SyncRole.BACKUP)
    }
    assert lost(always) == []
    for words in ("eth1 VI_1 7", "eth1 inst VI_1"):
        found = load(Form.KEEPALIVED, f"global_defs {{\nlvs_sync_daemon {words}\n}}\n")
        assert not found.director.daemons
        assert "it is master or backup as vrrp_instance VI_1 is" in lost(found)[0]
    older = load(Form.KEEPALIVED, "vrrp_instance VI_1 {\nlvs_sync_daemon_interface eth1\n}\n")
    assert lost(older)[1].startswith("2: lvs_sync_daemon_interface eth1: left out: it is master or backup as")
    wrong = load(Form.KEEPALIVED, "global_defs {\nlvs_sync_daemon eth1 id 300\n}\n")
    assert told(wrong)[0].startswith("2: error: lvs_sync_daemon: must be")
    single = load(Form.KEEPALIVED, "global_defs {\nlvs_sync_daemon eth1 group 192.0.2.1\n}\n")
    assert told(single)[0].startswith("2: error: group: ")


def test_the_first_checker_that_can_be_read_gives_the_probe() -> None:
    checks = "HTTP_GET {\nconnect_port x\n}\nMISC_CHECK {\nmisc_path /x\n}\nTCP_CHECK {\n}\n"
    text = f"virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlb_kind NAT\nreal_server 10.0.0.1 80 {{\n{checks}}}\n}}\n"
    found = load(Form.KEEPALIVED, text)
    assert told(found) == ['5: error: connect_port: must be a whole number from 0 to 65535, not "x"']
    assert [pool.service.probe for pool in found.director.pools.values()] == [Probe(ProbeType.TCP, timeout=5.0)]


@pytest.mark.parametrize(
    ("target", "method", "port"),
    [
        ("192.0.2.1 80", "DR", 8080),  # the server gets the service's port, and is asked on its own
        ("192.0.2.1 8080", "DR", 0),
        ("192.0.2.1 80", "NAT", 0),
        ("fwmark 5", "DR", 8080),
        ("fwmark 5", "NAT", 0),
    ],
)
def test_a_probe_asks_the_port_that_keepalived_asks(target: str, method: str, port: int) -> None:
    server = "real_server 10.0.0.1 8080 {\nTCP_CHECK {\n}\n}\n"
    found = load(Form.KEEPALIVED, f"virtual_server {target} {{\nprotocol TCP\nlb_kind {method}\n{server}}}\n")
    assert [pool.service.probe for pool in found.director.pools.values()] == [Probe(ProbeType.TCP, port, timeout=5.0)]


@pytest.mark.parametrize(
    ("check", "probe"),
    [
        ("TCP_CHECK {\nconnect_port 99\n}", Probe(ProbeType.TCP, 99, timeout=5.0)),
        ("SMTP_CHECK {\nconnect_timeout 60\n}", Probe(ProbeType.SMTP, timeout=30.0)),
        ("DNS_CHECK {\ntype A\nname example.net\n}", Probe(ProbeType.DNS, name="example.net", timeout=5.0)),
        ("UDP_CHECK {\nrequire_reply\npayload 00ff\n}", Probe(ProbeType.UDP, send="hex:00ff", timeout=5.0)),
        ("UDP_CHECK {\n}", None),
        ("MISC_CHECK {\nmisc_path /bin/true\n}", None),
        ("TCP_CHECK {\nconnect_ip 10.9.9.9\n}", None),
        ("", None),
    ],
)
def test_checkers_become_probes_as_far_as_one_asks_the_same(check: str, probe: Probe | None) -> None:
    protocol = "UDP" if "DNS" in check or "UDP" in check else "TCP"
    server = f"real_server 10.0.0.1 53 {{\n{check}\n}}\n"
    text = f"virtual_server 192.0.2.1 53 {{\nprotocol {protocol}\nlb_kind NAT\n{server}}}\n"
    found = load(Form.KEEPALIVED, text)
    assert found.mistakes == ()
    assert [pool.service.probe for pool in found.director.pools.values()] == [probe]
    assert bool(lost(found)) == ((bool(check) and probe is None) or "60" in check)


def test_servers_with_different_checks_leave_the_service_without_a_probe_and_that_is_told() -> None:
    servers = "real_server 10.0.0.1 80 {\nTCP_CHECK {\n}\n}\nreal_server 10.0.0.2 80 {\n}\n"
    found = load(Form.KEEPALIVED, f"virtual_server 192.0.2.1 80 {{\nprotocol TCP\nlb_kind NAT\n{servers}}}\n")
    assert [pool.service.probe for pool in found.director.pools.values()] == [None]
    assert lost(found) == ["1: checks: left out: its servers have different ones, and a service has one probe"]


def servers_of(found: Imported) -> list[list[str]]:
    return [[fields.server_text(one) for one in pool.servers] for pool in found.director.pools.values()]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("virtual_server web.example 80", "virtual_server"),
        ("virtual_server 192.0.2.1 http", "virtual_server"),
        ("virtual_server 192.0.2.1 80 {\n}\nvirtual_server_group g {\n192.0.2.1 http\n}\nvirtual_server group g", ""),
    ],
)
def test_names_of_hosts_and_ports_are_refused_as_keepalived_refuses_them(line: str, field: str) -> None:
    found = load(Form.KEEPALIVED, f"{line} {{\nprotocol TCP\nreal_server 10.0.0.1 80 {{\n}}\n}}\n")
    assert any(f": error: {field}" in one for one in told(found))
    named = load(Form.KEEPALIVED, "virtual_server 192.0.2.1 80 {\nprotocol TCP\nreal_server web.example 80 {\n}\n}\n")
    assert told(named)[0].startswith("3: error: real_server: ")


def test_two_servers_are_the_same_by_what_is_written_before_their_ports_are_changed() -> None:
    text = "virtual_server 192.0.2.1 0 {\nprotocol TCP\nlb_kind NAT\npersistence_timeout 50\n"
    text += "real_server 10.0.0.1 443 {\nlvs_method DR\n}\nreal_server 10.0.0.1 443 {\n}\n}\n"
    found = load(Form.KEEPALIVED, text)
    assert servers_of(found) == [["10.0.0.1:0"]]
    assert any("keepalived takes only the first of two equal servers" in one for one in lost(found))


def test_in_a_group_servers_get_no_port_and_persistence_no_mask() -> None:
    text = "virtual_server_group g {\n192.0.2.1 80\n}\nvirtual_server group g {\nprotocol TCP\nlb_kind NAT\n"
    text += "persistence_granularity 255.255.0.0\nreal_server 10.0.0.1 {\n}\n"
    text += "real_server 10.0.0.2 {\nlvs_method DR\n}\n}\n"
    found = load(Form.KEEPALIVED, text)
    assert servers_of(found) == [["10.0.0.1:0", "10.0.0.2:80"]]
    assert [pool.service.persistence for pool in found.director.pools.values()] == [Persistence(360)]
    assert any("in a group keepalived takes each client for itself" in one for one in lost(found))


def test_words_that_keepalived_does_not_read_are_lost_aloud() -> None:
    text = (
        "virtual_server 192.0.2.1 80 tcp {\nlvs_sched rr weight 5\nlvs_method DR\nprotocol TCP\n"
        "real_server 10.0.0.1 80 weight 4 {\nweight 2 uthreshold 7\n"
        "HTTP_GET now {\nurl { path / status_code 200\n}\n}\n}\n}\n"
        "virtual_server_group g {\n192.0.2.2 80 x\nfwmark 5 inet y\n}\n"
        "virtual_server group g {\nprotocol TCP\nlvs_method DR\nreal_server 10.0.0.1 80 {\n}\n}\n"
    )
    became = "left out: keepalived reads {} behind {}; give it a line of its own"
    found = load(Form.KEEPALIVED, text)
    assert told(found) == []
    assert lost(found)[:8] == [
        f"1: tcp: {became.format('2 words', 'virtual_server')}",
        f"2: weight 5: {became.format('1 word', 'lvs_sched')}",
        f"5: weight 4: {became.format('2 words', 'real_server')}",
        f"6: uthreshold 7: {became.format('1 word', 'weight')}",
        f"7: now: {became.format('0 words', 'HTTP_GET')}",
        f"8: status_code 200: {became.format('1 word', 'path')}",
        f"14: x: {became.format('1 word', '192.0.2.2')}",
        f"15: y: {became.format('2 words', 'fwmark')}",
    ]


def test_a_checker_behind_another_statement_is_not_swallowed_by_it() -> None:
    text = (
        "virtual_server 192.0.2.1 80 {\nprotocol TCP\nreal_server 10.0.0.1 80 {\nweight 1 TCP_CHECK {\n}\n}\n"
        "real_server 10.0.0.2 80 {\nHTTP_GET {\nconnect_timeout 3 url {\n}\n}\n}\n}\n"
    )
    assert told(load(Form.KEEPALIVED, text)) == [
        "4: error: weight: opens no block; write what stands before { on a line of its own",
        "9: error: connect_timeout: opens no block; write what stands before { on a line of its own",
    ]


def test_what_a_virtual_server_says_for_checks_that_no_probe_asks_is_lost() -> None:
    text = (
        "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_method DR\nvirtualhost a.example\nconnect_timeout 4\n"
        "real_server 10.0.0.1 80 {\nvirtualhost b.example\n}\n}\n"
    )
    became = "left out: there is no probe for it"
    assert lost(load(Form.KEEPALIVED, text)) == [
        f"4: virtualhost a.example: {became}",
        f"5: connect_timeout 4: {became}",
        f"7: virtualhost b.example: {became}",
    ]
    asked = load(Form.KEEPALIVED, text.replace("b.example\n", "b.example\nHTTP_GET {\n}\n"))
    assert lost(asked) == []


def test_a_check_that_no_probe_can_ask_is_lost_and_its_service_is_not() -> None:
    text = (
        "virtual_server 192.0.2.1 80 {\nprotocol TCP\nlvs_method DR\n"
        'real_server 10.0.0.1 80 {\nHTTP_GET {\nurl {\npath "/a b"\n}\n}\n}\n}\n'
    )
    found = load(Form.KEEPALIVED, text)
    assert told(found) == []
    assert next(line.partition(": must")[0] for line in lost(found)).startswith("7: path of a check: left out with")
    assert [pool.service.probe for pool in found.director.pools.values()] == [None]


def test_the_name_of_a_group_is_that_of_its_first_service_and_the_others_are_told() -> None:
    text = (
        "virtual_server_group g {\n192.0.2.1-2 80\n}\nvirtual_server group g {\nprotocol TCP\nlvs_method DR\n"
        "snmp_name shop\nreal_server 10.0.0.1 80 {\n}\n}\n"
    )
    found = load(Form.KEEPALIVED, text)
    assert [pool.service.name for pool in found.director.pools.values()] == ["shop", ""]
    assert "7: name shop: left out but for the first of the group" in lost(found)


def test_a_loss_of_megabytes_is_said_by_its_beginning() -> None:
    (loss,) = lost(load(Form.KEEPALIVED, f"foo {'x' * 2_000_000}\n"))
    assert len(loss) < 1100


def test_groups_of_one_name_and_of_none_are_refused_and_timeouts_said_again_are_lost_aloud() -> None:
    text = (
        "global_defs {\nlvs_timeouts tcp 900 tcpfin 60 udp 30\nlvs_timeouts tcp 901 tcpfin 61 udp 31\n}\n"
        "virtual_server_group g {\n192.0.2.1 80\n}\nvirtual_server_group g {\n192.0.2.2 80\n}\n"
        "virtual_server_group {\n192.0.2.3 80\n}\n"
    )
    found = load(Form.KEEPALIVED, text)
    assert told(found) == [
        '8: error: virtual_server_group: "g" stands in line 5 already; make one of them',
        "11: error: virtual_server_group: needs a name behind it",
    ]
    assert lost(found)[0] == "2: lvs_timeouts tcp 900 tcpfin 60 udp 30: left out: line 3 says it again"
    assert found.director.timeouts == Timeouts(901, 61, 31)


def test_a_statement_without_its_block_is_refused() -> None:
    text = (
        "virtual_server 192.0.2.1 80 {\nprotocol TCP\nreal_server 10.0.0.1 80 {\nTCP_CHECK\nweight 2\n}\n"
        "real_server 10.0.0.2 80\n}\nvirtual_server 192.0.2.2 80\n"
    )
    became = "needs a block; write { at the end of the line, and } below"
    assert told(load(Form.KEEPALIVED, text)) == [
        f"4: error: TCP_CHECK: {became}",
        f"7: error: real_server: {became}",
        f"9: error: virtual_server: {became}",
    ]
