"""ldirectord.cf as a director: sections, defaults, ranges, checks, and what is lost."""

from __future__ import annotations

import pytest

from lvstui.core import fields
from lvstui.core.model import Forwarding, MarkKey, Probe, ProbeType, Statuses
from lvstui.formats.foreign.recognise import Form
from tests.formats.foreign import wild_ldirectord
from tests.formats.foreign.names import load, lost, told

SAMPLE = """\
# Global Directives
checktimeout=3
checkinterval=1
quiescent=yes
virtual=192.0.2.240:80
\tservicename=Web Site
\tcomment=balanced
\treal=10.0.0.11->10.0.0.13:80 gate 5 <l:100> <u:200>
\treal=10.0.0.20:8080 masq
    fallback=127.0.0.1:80 gate
\trequest="index.html"
\treceive="Test"
\tvirtualhost=www.example.net
\tpersistent=600
\tnetmask=255.255.255.0
virtual=1
\treal=10.0.0.11 ipip 2 "a", "b"
\tprotocol=fwm
\tcheckport=80
\tchecktype=connect
virtual6=[2001:db8::1]:53
\treal6=[fd00::11]:53 gate
\tschedflags=flag-1
\tops=yes
\trequest="example.net"
"""


def test_sections_become_services_with_ldirectords_defaults() -> None:
    found = load(Form.LDIRECTORD, SAMPLE)
    assert found.mistakes == ()
    web, mark, dns = found.director.pools.values()
    assert (web.service.name, web.service.note, web.service.scheduler) == ("Web Site", "balanced", "wrr")
    assert [fields.server_text(one) for one in web.servers][:2] == ["10.0.0.11:80", "10.0.0.12:80"]
    first, *_, last = web.servers.values()
    assert (first.weight, first.lower, first.upper, last.weight) == (5, 100, 200, 1)
    assert last.forwarding is Forwarding.MASQ
    page = Probe(ProbeType.HTTP, path="/index.html", status=(Statuses(200, 299),), name="www.example.net", timeout=3.0)
    assert web.service.probe == page
    assert isinstance(mark.service.key, MarkKey)
    assert mark.service.probe == Probe(ProbeType.TCP, port=80, timeout=3.0)
    assert fields.service_text(dns.service.key) == "udp:[2001:db8::1]:53"
    assert dns.service.probe == Probe(ProbeType.DNS, name="example.net", timeout=3.0)
    assert fields.flag_words(dns.service.flags, "wrr") == ("one-packet", "flag-1")


def test_each_line_that_a_profile_cannot_hold_is_a_loss_with_its_line() -> None:
    found = [one.partition(":")[0] for one in lost(load(Form.LDIRECTORD, SAMPLE))]
    assert found == ["1", "3", "4", "10", "12", "17"]


def test_a_section_ends_at_the_first_line_that_is_not_indented() -> None:
    found = load(Form.LDIRECTORD, "virtual=192.0.2.1:80\n\n\treal=10.0.0.1:80 gate\n")
    assert told(found)[0].startswith("3: error: real: belongs to no virtual service")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("virtual=192.0.2.1:80\n\treal=10.0.0.9->10.0.0.1:80 gate", "2: error: real: the range"),
        ("virtual=192.0.2.1:80\n\treal=10.0.0.9:80 route", "2: error: real: must be ADDRESS"),
        (
            "virtual=192.0.2.1:80\n\treal6=[fd00::1]:80 gate",
            "2: error: real6: stands below a virtual, of another family",
        ),
        ("virtual=192.0.2.1:80\n\tprotocol=sctp", "2: error: protocol: must be tcp or udp"),
        ("virtual=9\n\tprotocol=tcp", "2: error: protocol: must be fwm"),
        ("virtual=192.0.2.1:80\n\trequest=index.html", "2: error: request: must stand in quotes"),
        ('virtual=192.0.2.1:80\n\trequest="a#b"', "2: error: request: must stand in quotes"),
        ("virtual=[fd00::1]:80\n", "1: error: virtual: "),
        (
            "virtual=192.0.2.1:80\n\tsheduler=rr",
            "2: error: sheduler: is not known to ldirectord in a virtual service; did",
        ),
        ("checkintervall=3\nvirtual=1", "1: error: checkintervall: is not known to ldirectord; did you mean"),
        ("virtual=192.0.2.1:80\n\tchecktype=sometimes", "2: error: checktype: must be connect"),
        ("virtual=192.0.2.1:80\n\tpersistent=soon", "2: error: persistent: must be"),
        ("virtual=192.0.2.1:80\n\tnetmask=24\n\tpersistent=9", "2: error: netmask: must be a netmask"),
        ("virtual=192.0.2.1:80\nvirtual=192.0.2.1:80", "2: error: service: tcp:192.0.2.1:80 stands in line 1"),
        ("virtual6=[fd00::1]:80\n\treal6=[fd00::2]->[fd00::9]:80 gate", "2: error: real: ldirectord takes no ranges"),
    ],
)
def test_what_ldirectord_refuses_is_a_mistake_with_its_line(lines: str, sentence: str) -> None:
    assert any(one.startswith(sentence) for one in told(load(Form.LDIRECTORD, lines)))


@pytest.mark.parametrize(
    ("lines", "probe"),
    [
        ("", Probe(ProbeType.HTTPS, status=(Statuses(200, 299),))),
        ("\tchecktype=ping", None),
        ("\tchecktype=external\n\tcheckcommand=/bin/check", None),
        ('\tservice=mysql\n\tlogin="a"', Probe(ProbeType.TCP)),
        ("\tservice=imaps", Probe(ProbeType.TLS)),
        (
            "\tchecktype=5\n\tcheckport=99\n\tservice=smtp\n\tnegotiatetimeout=60",
            Probe(ProbeType.SMTP, 99, timeout=30.0),
        ),
    ],
)
def test_checks_become_probes_as_far_as_one_asks_the_same(lines: str, probe: Probe | None) -> None:
    found = load(Form.LDIRECTORD, f"virtual=192.0.2.1:443\n{lines}\n")
    assert found.mistakes == ()
    assert [pool.service.probe for pool in found.director.pools.values()] == [probe]
    assert len(lost(found)) == (2 if "mysql" in lines or "external" in lines or "60" in lines else int(probe is None))


def test_a_password_is_not_written_into_the_losses() -> None:
    found = load(
        Form.LDIRECTORD, 'virtual=192.0.2.1:1812\n\tprotocol=udp\n\tsecret="hush"\n\tpasswd="hush"\n\tlogin=hush\n'
    )
    assert not any("hush" in one for one in (*lost(found), *told(found)))
    assert any(one.startswith("4: passwd=...: left out") for one in lost(found))


def test_a_range_that_is_too_long_is_told_by_its_line() -> None:
    found = load(Form.LDIRECTORD, "virtual=192.0.2.1:80\n\treal=10.0.0.1->10.1.0.0:80 gate\n")
    assert told(found)[0].startswith('2: error: real: the range "10.0.0.1->10.1.0.0:80 gate" has more than 4,096')


def test_a_request_that_no_probe_can_ask_is_lost_and_its_service_is_not() -> None:
    text = 'virtual=192.0.2.1:80\n\treal=10.0.0.1:80 gate\n\tservice=http\n\trequest="/a b"\n'
    found = load(Form.LDIRECTORD, text)
    assert told(found) == []
    assert any(line.startswith("4: request of a check: left out with the check") for line in lost(found))
    assert [pool.service.probe for pool in found.director.pools.values()] == [None]


@pytest.mark.parametrize(
    ("line", "key", "taken"),
    [
        ('scheduler="wlc"', "scheduler", ""),
        ("scheduler=wlc; # soon", "scheduler", "wlc"),
        ("scheduler=Wlc", "scheduler", "lc"),
        ("persistent=600s", "persistent", "600"),
        ('persistent="600"', "persistent", ""),
        ("schedflags=flag-1 flag-2", "schedflags", "flag-1"),
        ("checktype=check 3 times", "checktype", "3"),
        ("checkport=80/tcp", "checkport", "80"),
        ('service="none"', "service", ""),
    ],
)
def test_of_a_value_that_is_taken_which_ldirectord_takes_and_the_rest_is_told(line: str, key: str, taken: str) -> None:
    found = load(Form.LDIRECTORD, f"virtual=192.0.2.1:80\n\t{line}\n")
    assert told(found) == []
    said = [one for one in lost(found) if "ldirectord takes only that" in one]
    assert said == ([one for one in said if one.startswith(f"2: {key}=") and f"written as {taken}:" in one] or [])
    assert bool(said) == bool(taken)


def test_what_is_taken_of_a_value_is_what_the_service_has() -> None:
    lines = "\tscheduler=Wlc\n\tpersistent=600s\n\tschedflags=flag-1 flag-2\n\tchecktype=on"
    (pool,) = load(Form.LDIRECTORD, f"virtual = web.example:https behind it\n{lines}\n").director.pools.values()
    assert fields.service_text(pool.service.key) == "tcp:192.0.2.77:443"
    assert (pool.service.scheduler, pool.service.persistence and pool.service.persistence.timeout) == ("lc", 600)
    assert fields.flag_words(pool.service.flags, "lc") == ("flag-1",)


@pytest.mark.parametrize(
    ("real", "weight", "limits", "losses"),
    [
        ("10.0.0.1:80 gate 5 l:1 u:2", 5, (2, 1), 0),
        ("10.0.0.1:80 gate u:2 l:1", 1, (0, 1), 1),
        ('10.0.0.1:80 gate 7, "a" "b" u:2', 7, (2, 0), 2),
        ('10.0.0.1:80 gate "/a","b" l:1 u:2', 1, (0, 0), 2),
        ("10.0.0.1:80 gate now 3", 3, (0, 0), 1),
    ],
)
def test_a_real_server_is_taken_apart_as_ldirectord_does_it(
    real: str, weight: int, limits: tuple[int, int], losses: int
) -> None:
    found = load(Form.LDIRECTORD, f"virtual=192.0.2.1:80\n\tchecktype=on\n\treal={real}\n")
    (server,) = next(iter(found.director.pools.values())).servers.values()
    assert (server.weight, (server.upper, server.lower)) == (weight, limits)
    assert len([one for one in lost(found) if one.startswith("3:")]) == losses


def test_what_ldirectord_takes_for_one_server_has_the_thresholds_of_its_first_line() -> None:
    first = "virtual=192.0.2.1:80\n\tchecktype=on\n\treal=10.0.0.1:80 gate 5 l:1 u:2\n"
    same = first + "virtual=192.0.2.2:80\n\tchecktype=on\n\treal=10.0.0.1:80 gate 5 u:9\n"
    found = load(Form.LDIRECTORD, same)
    limits = [(one.upper, one.lower) for pool in found.director.pools.values() for one in pool.servers.values()]
    assert limits == [(2, 1), (2, 1)]
    assert any(one.startswith("6: thresholds of 10.0.0.1:80: written as those in line 3") for one in lost(found))
    for other in ("gate 6 u:9", 'gate 5 "a", "b" u:9', "masq 5 u:9"):
        found = load(Form.LDIRECTORD, same.replace("gate 5 u:9", other))
        assert [one.upper for pool in found.director.pools.values() for one in pool.servers.values()] == [2, 9]


def test_of_a_server_that_is_there_twice_the_last_line_counts_but_not_one_with_a_port_that_changes() -> None:
    text = "virtual=192.0.2.1:80\n\tchecktype=on\n\treal=10.0.0.1:80 gate 5\n\treal=10.0.0.1{} gate 6\n"
    for port, weight, said in ((":80", 6, "3: 10.0.0.1:80: left out: line 4"), (":8080", 5, "4: 10.0.0.1:80: left")):
        found = load(Form.LDIRECTORD, text.format(port))
        assert [one.weight for pool in found.director.pools.values() for one in pool.servers.values()] == [weight]
        assert any(one.startswith(said) for one in lost(found))


@pytest.mark.parametrize("seed", range(100))
def test_no_file_of_people_is_refused_and_each_server_is_in_it(seed: int) -> None:
    text = wild_ldirectord.ldirectord(seed)
    found = load(Form.LDIRECTORD, text)
    assert [one for one in told(found) if ": error: " in one] == []
    assert len(found.director.pools) == sum(line.startswith("virtual") for line in text.splitlines())
    assert all(pool.servers for pool in found.director.pools.values())
