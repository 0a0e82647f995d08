"""All that is wrong in a profile, in one run: by lines, without what only follows from something else."""

from __future__ import annotations

import re

import pytest

from lvstui.core.mistake import Severity
from lvstui.core.model import Family, MarkKey
from lvstui.core.offer import Offer
from lvstui.formats.profile.examine import examine

EDITOR = re.compile(r"^(.+):(\d+): (error|warning): (.+?): (.+)$")
"""What vim's errorformat `%f:%l: %t%*[^:]: %m` and Emacs' compilation mode look for."""

SERVICE = 'format = 1\n[[service]]\nservice = "tcp:192.0.2.10:80"\n'


def told(text: str, offer: Offer | None = None) -> list[str]:
    """What is printed, without the file; each line is one that an editor can jump to."""
    found = examine(text, "p.toml", offer) if offer else examine(text, "p.toml")
    for mistake in found.mistakes:
        match = EDITOR.match(str(mistake))
        assert match
        assert 1 <= int(match[2]) <= max(1, len(text.splitlines()))
    return [str(mistake).removeprefix("p.toml:") for mistake in found.mistakes]


def starts(text: str, *beginnings: str) -> None:
    """Compare all that is told with the beginnings of what is expected."""
    lines = told(text)
    assert [line[: len(start)] for line, start in zip(lines, beginnings, strict=False)] == list(beginnings)
    assert len(lines) == len(beginnings), lines


def test_what_would_not_work_is_told_beside_what_cannot_be_read() -> None:
    starts(
        "format = 1\nzzz = 1\n[sysctl]\nconntrak = 1\n[[service]]\nservice = 'tcp:192.0.2.10:80'\nscheduler = 'wlcc'\n"
        "persistence = { netmask = '255.0.255.0' }\n[[service.server]]\nserver = '10.0.0.1:80'\nweight = 70000\n"
        "lower = 2\nupper = 1\n[[service.server]]\nserver = '[::1]:80'\nforwarding = 'masq'\nweight = -1\n",
        "2: error: zzz: is not a key here",
        "4: warning: sysctl.conntrak: lvstui knows no such setting; did you mean conntrack?",
        '7: warning: scheduler: lvstui knows no scheduler "wlcc"; did you mean wlc?',
        "8: warning: persistence.netmask: 255.0.255.0 has holes",
        "11: warning: weight: the kernel takes it, but most ipvsadm stop at 65535",
        "12: error: lower: 2 is above the upper threshold 1",
        "16: error: forwarding: only tunnel leads to a server of another address family",
        "17: error: weight: must be from 0",
    )


@pytest.mark.parametrize(
    ("text", "only"),
    [
        (SERVICE + "server = [{ server = '10.0.0.1:80', lower = 8, upper = 'x' }]\n", "4: error: upper: must be"),
        (SERVICE + "server = [{ server = '10.0.0.1:80', lower = 8, uper = 9 }]\n", "4: error: uper: is not a key"),
        (SERVICE + "server = [{ server = '10.0.0.x:80', forwarding = 'masq' }]\n", "4: error: server: "),
        (SERVICE + "server = [{ server = '[::1]:80', forwarding = 'mask' }]\n", "4: error: forwarding: must be"),
        (SERVICE + "server = [{ sever = '10.0.0.1:80' }]\n", "4: error: sever: is not a key here"),
        (SERVICE.replace(":80", ":x") + "server = [{ server = '[::1]:80' }]\n", "3: error: service: "),
        (SERVICE.replace("service =", "sevice =") + "flags = ['one-packet']\n", "3: error: sevice: is not"),
        (SERVICE.replace(":80", ":0") + "persistence = 300\n", "4: error: persistence: must be a table"),
        (SERVICE.replace(":80", ":0") + "persistance = {}\n", "4: error: persistance: is not a key here"),
        (SERVICE + "scheduler = 'w lc'\nflags = ['sh-port']\n", "4: error: scheduler: must be a name"),
        (SERVICE + "probe = { type = 'dsn' }\n", "4: error: probe.type: must be"),
        (SERVICE + "probe = { type = 'tpc', path = '/' }\n", "4: error: probe.type: must be"),
        ("frmat = 1\n", "1: error: frmat: is not a key here; did you mean format?"),
        ("format = 1\ntimeouts = { tcp = 1, tcp_fn = 1, udp = 1 }\n", "2: error: timeouts.tcp_fn: is not a key here"),
        ("format = 1\nmark = [{ mark = 0, match = ['tcp'] }, { mark = 1, match = ['udp'] }]\n", "2: error: mark: must"),
        ("format = 1\n[[mark]]\nmark = 1\nmach = ['tcp']\n", "4: error: mach: is not a key here"),
        ("format = 1\n[[sync]]\nrole = 'slave'\ninterface = 'eth0'\n", "3: error: role: must be master or backup"),
        ("format = 1\n[service]\nservice = 'mark:1'\n", "2: error: service: must be a list, not a table; write [[serv"),
        ("format = 1\n[[director]]\nname = 'lb1'\n", "2: error: director: must be a table, not a list; write [dir"),
    ],
)
def test_one_cause_is_one_mistake(text: str, only: str) -> None:
    starts(text, only)


def test_every_wrong_match_is_told_at_its_own_line() -> None:
    starts(
        "format = 1\n[[mark]]\nmark = 80\nmatch = [\n"
        "  'tcp 192.0.2.1 80',\n  'tpc any 80',\n  7,\n  'udp any 99999',\n]\n",
        "6: error: match: must start with tcp",
        "7: error: match: must be a list of texts",
        '8: error: match: "99999" is not a port',
    )


def test_what_is_right_in_a_table_of_the_wrong_shape_is_checked_all_the_same() -> None:
    starts(
        "format = 1\n[service]\nservice = 'udp:192.0.2.1:53'\nwieght = 1\n[service.server]\nserver = '10.0.0.1:53'\n"
        "lower = 2\n[[timeouts]]\ntcp = 0\ntcp_fin = 1\nudp = 1\n",
        "2: error: service: must be a list",
        "4: error: service.wieght: is not a key here; known are",
        "5: error: service.server: must be a list",
        "7: error: service.server.lower: 2 is above",
        "8: error: timeouts: must be a table",
        "9: warning: tcp: 0 tells the kernel",
    )


def test_a_server_that_keeps_the_sync_daemon_from_starting_is_told_where_it_stands() -> None:
    starts(
        "format = 1\n[[sync]]\nrole = 'master'\ninterface = 'eth0'\n[[service]]\nservice = 'tcp:192.0.2.10:80'\n"
        "server = [\n  { server = '10.0.0.1:80' },\n  { server = '[::1]:80', forwarding = 'tunnel' },\n]\n",
        "9: error: server: the kernel takes no server of another address family while a sync daemon runs",
    )


def test_lines_that_end_as_on_windows_are_counted_as_others() -> None:
    text = (SERVICE + "zzz = 1\nflags = [\n  'x',\n]\nname = 'open\n").replace("\n", "\r\n")
    starts(text, "4: error: zzz: is not a key", '6: error: flags: "x" is none', "8: error: name: a quote is not closed")


def test_a_key_that_stands_one_level_too_high_is_told_where_it_belongs() -> None:
    starts(SERVICE + "timeout = 300\n", "4: error: timeout: is not a key here; write persistence = { timeout = ... }")


@pytest.mark.parametrize(
    ("key", "name", "sentence"),
    [
        ("service", "tcp:1.2.3.4:80", "reads as a service"),
        ("service", "mark:80", "reads as a service"),
        ("service", "shop: tcp", ""),
        ("server", "10.0.0.1:80", "reads as a server"),
        ("server", "[::1]:80", "reads as a server"),
        ("server", "tcp:1.2.3.4:80", ""),
    ],
)
def test_a_name_that_commands_would_take_for_an_address_is_warned_of(key: str, name: str, sentence: str) -> None:
    row = f"name = '{name}'\n"
    text = SERVICE + (row if key == "service" else f"[[service.server]]\nserver = '10.0.0.9:80'\n{row}")
    lines = told(text)
    assert len(lines) == bool(sentence)
    assert all(f"warning: name: {sentence}" in line for line in lines)


def test_schedulers_and_engines_are_compared_with_what_the_kernel_or_else_what_lvstui_knows() -> None:
    text = SERVICE.replace("tcp", "udp") + "scheduler = '{}'\npersistence = {{ engine = '{}' }}\n"
    loaded = Offer("Linux 6.1", ("conntrack",), ("rr", "mine"))
    assert told(text.format("mine", "sip"), loaded) == []
    assert told(text.format("wrr", "sip"), loaded) == [
        '4: warning: scheduler: Linux 6.1 has no scheduler "wrr"; did you mean rr?'
    ]
    assert told(text.format("mine", "sip"), Offer("Linux 6.1", (), ("mine",))) == []
    assert told(text.format("wrr", "sipp")) == [
        '5: warning: persistence.engine: lvstui knows no engine "sipp"; did you mean sip?'
    ]
    assert told(text.format("zzzzzz", "sip"))[0].endswith(
        "; choose one of dh, fo, lblc, lblcr, lc, mh, none, nq, ovf, rr, sed, sh, twos, wlc, wrr"
    )


def test_marks_are_read_as_nft_writes_them() -> None:
    text = "format = 1\n[[service]]\nservice = 'mark:0x50'\n[[mark]]\nmark = 0x50\nmatch = ['tcp any 80']\n"
    found = examine(text, "p.toml")
    assert found.mistakes == ()
    assert list(found.director.pools) == [MarkKey(80, Family.IPV4)]
    assert list(found.director.groups) == [80]


def test_warnings_alone_leave_a_profile_whole() -> None:
    found = examine(SERVICE + "scheduler = 'wlcc'\n", "p.toml")
    assert found.whole
    assert not found.refused
    assert [mistake.severity for mistake in found.mistakes] == [Severity.WARNING]
    assert [pool.service.scheduler for pool in found.director.pools.values()] == ["wlcc"]
