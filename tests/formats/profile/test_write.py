"""The profile's format: canonical writing, reading of what people write, and every flaw with its line."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lvstui.core import fields
from lvstui.core.model import (
    NOBODYS,
    AddressKey,
    Director,
    Endpoint,
    Family,
    Forwarding,
    Home,
    MarkKey,
    Persistence,
    Pool,
    Probe,
    ProbeType,
    Protocol,
    RealServer,
    Service,
    ServiceFlags,
    ServiceKey,
    Statuses,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.formats.profile.examine import examine
from lvstui.formats.profile.write import ProfileError, dumps, encodable, loads
from tests.build import SHOP, server
from tests.core.strategies import directors, laws

WEB1 = server("10.0.0.11:443", Forwarding.MASQ, 3, 1000, 800, name="web1", resume=3)
WEB2 = server("[fd00::12]:443", Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE, 6080, checksum=1))
FULL = Director(
    pools={
        MarkKey(80, Family.IPV6): Pool(Service(MarkKey(80, Family.IPV6), persistence=Persistence(600, 64))),
        SHOP: Pool(
            Service(
                SHOP,
                "sh",
                ServiceFlags.ONE_PACKET | ServiceFlags.SCHED_2,
                Persistence(300, IPv4Address("255.255.255.0"), "sip"),
                "shop",
                'ask "the shop team" first',
            ),
            {WEB2.endpoint: WEB2, WEB1.endpoint: WEB1},
        ),
    },
    timeouts=Timeouts(),
    sync={
        SyncRole.BACKUP: SyncDaemon(SyncRole.BACKUP, "eth1", 7, 1400, IPv4Address("239.1.2.3"), 8849, 3),
        SyncRole.MASTER: SyncDaemon(SyncRole.MASTER, "eth1"),
    },
    name="lb1",
)
FULL_TEXT = """\
# written by lvstui; edit freely, then: lvstui check FILE && lvstui diff FILE
format = 1

[director]
name = "lb1"

[timeouts]
tcp = 900
tcp_fin = 120
udp = 300

[[sync]]
role = "master"
interface = "eth1"

[[sync]]
role = "backup"
interface = "eth1"
id = 7
max_length = 1400
group = "239.1.2.3"
port = 8849
ttl = 3

[[service]]
service = "mark6:80"
persistence = { timeout = 600, prefix = 64 }

[[service]]
name = "shop"
service = "tcp:192.0.2.10:443"
scheduler = "sh"
flags = ["one-packet", "sh-port"]
persistence = { timeout = 300, netmask = "255.255.255.0", engine = "sip" }
note = "ask \\"the shop team\\" first"
server = [
    { name = "web1", server = "10.0.0.11:443", forwarding = "masq", weight = 3, upper = 1000, lower = 800, resume = 3 },
    { server = "[fd00::12]:443", forwarding = "tunnel", tunnel = { type = "gue", port = 6080, checksum = "csum" } },
]
"""
BY_HAND = """\
format = 1

[[service]]
name = "shop"
service = "tcp:192.0.2.10:443"
persistence.timeout = 60

    [[service.server]]
    name = "web1"          # in rack 3
    server = "10.0.0.11:443"
    forwarding = "masq"

    [[service.server]]
    server = "[fd00::12]:443"
    forwarding = "tunnel"
    [service.server.tunnel]
    type = "gue"
    port = 6080
"""


@laws
@given(directors(), st.sampled_from([NOBODYS, Home("lb1"), Home("lb1.example.net", "blue"), Home("", "net:[402653]")]))
def test_whatever_a_director_holds_comes_back_from_its_profile(director: Director, home: Home) -> None:
    director = replace(director, home=home)
    text = dumps(director)
    assert loads(text, "p") == director
    assert dumps(loads(text, "p")) == text


@laws
@given(st.text(), st.text())
def test_hostile_names_and_notes_come_back_and_stay_on_one_line(name: str, note: str) -> None:
    server = replace(WEB1, name=name)
    director = Director({SHOP: Pool(Service(SHOP, name=name, note=note), {server.endpoint: server})}, name=name)
    text = dumps(director)
    assert loads(text, "p") == director
    assert sum(line.startswith("    {") for line in text.split("\n")) == 1


def test_nothing_in_a_profile_hides_or_steers_a_terminal_and_all_of_it_comes_back() -> None:
    everything = "".join(chr(code) for code in range(0x11000) if not 0xD800 <= code <= 0xDFFF) + "\U000e0001\U0010ffff"
    for start in range(0, len(everything), 256):
        name = everything[start : start + 256]
        written = dumps(Director({}, name=name))
        shown = written.replace("\n", "")
        assert fields.escape_hidden(shown, lambda _: "?") == shown
        assert loads(written, "p").name == name
    assert 'name = "é q\\u0301 \\u009b \\u202e \\ufeff हिन्दी"' in dumps(
        Director({}, name="é q\u0301 \x9b \u202e \ufeff हिन्दी")
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r", "utf-8"])
def test_an_encoding_that_lacks_characters_gets_a_profile_that_means_the_same(encoding: str) -> None:
    director = Director({}, name='é "日本" \U0001f600 \\ \x9b')
    text = encodable(dumps(director), encoding)
    assert loads(text.encode(encoding).decode(encoding), "p") == director


def test_the_canonical_form_is_in_order_short_and_one_server_a_line() -> None:
    assert dumps(FULL) == FULL_TEXT
    assert loads(FULL_TEXT, "p") == FULL


def test_an_empty_director_manages_nothing_and_no_daemon_wanted_is_written() -> None:
    assert loads("format = 1", "p") == Director()
    assert loads(dumps(Director(sync={})), "p").sync == {}
    assert loads(dumps(Director()), "p").sync is None


def test_services_are_sorted_by_name_and_address_and_servers_by_address() -> None:
    keys = [AddressKey(Protocol.TCP, IPv4Address(f"192.0.2.{n}"), port) for n in (9, 10) for port in (443, 80)]
    ends = [Endpoint(IPv4Address(f"10.0.0.{n}"), 80) for n in (11, 9, 100)]
    pools: dict[ServiceKey, Pool] = {key: Pool(Service(key), {end: RealServer(end) for end in ends}) for key in keys}
    named = MarkKey(1, Family.IPV4)
    pools[named] = Pool(Service(named, name="a"))
    text = dumps(Director(pools))
    document = tomllib.loads(text)
    assert [service["service"] for service in document["service"]] == [
        "tcp:192.0.2.9:80",
        "tcp:192.0.2.9:443",
        "tcp:192.0.2.10:80",
        "tcp:192.0.2.10:443",
        "mark:1",
    ]
    assert [s["server"] for s in document["service"][0]["server"]] == ["10.0.0.9:80", "10.0.0.11:80", "10.0.0.100:80"]


def test_what_people_write_by_hand_is_read() -> None:
    pool = loads(BY_HAND, "p").pools[SHOP]
    assert pool.service.persistence == Persistence(60)
    assert [server.name for server in pool.servers.values()] == ["web1", ""]
    assert pool.servers[WEB2.endpoint].tunnel == Tunnel(TunnelType.GUE, 6080)


def test_a_probe_is_written_as_people_write_it_and_both_forms_are_read() -> None:
    service = 'format = 1\n[[service]]\nservice = "tcp:192.0.2.10:443"\n'
    line = 'probe = { type = "http", path = "/health", status = 200, timeout = 0.5 }\n'
    probe = Probe(ProbeType.HTTP, path="/health", status=(Statuses(200, 200),), timeout=0.5)
    assert loads(service + line, "p").pools[SHOP].service.probe == probe
    assert line in dumps(loads(service + line, "p"))
    table = f'{service}[service.probe]\ntype = "https"\nstatus = "200-299, 301"\ntimeout = 2\n'
    found = loads(table, "p")
    assert found.pools[SHOP].service.probe == Probe(ProbeType.HTTPS, status=(Statuses(200, 299), Statuses(301, 301)))
    assert 'probe = { type = "https", status = "200-299,301" }\n' in dumps(found)
    assert loads(f"{service}probe = {{}}", "p").pools[SHOP].service.probe == Probe()


def test_two_services_or_servers_of_one_name_are_not_written() -> None:
    other = MarkKey(1, Family.IPV4)
    with pytest.raises(ProfileError, match='name: more than one service is called "shop"'):
        dumps(Director({key: Pool(Service(key, name="shop")) for key in (SHOP, other)}))
    twins = {end: RealServer(end, name="web") for end in (WEB1.endpoint, WEB2.endpoint)}
    with pytest.raises(ProfileError, match=r'more than one server of tcp:192.0.2.10:443 is called "web"'):
        dumps(Director({SHOP: Pool(Service(SHOP), twins)}))


BLOCKS = """\
format = 1

[[service]]
name = "shop"
service = "tcp:192.0.2.10:443"
persistence.timeout = 60



    [[service.server]]
    name = "web1"
    server = "10.0.0.11:443"
    weight = 1

    [[service.server]]
    server = "[fd00::12]:443"
    upper = 5
    [service.server.tunnel]
    port = 6080
"""


def flaws(text: str) -> list[str]:
    with pytest.raises(ProfileError) as caught:
        loads(text, "director.toml")
    return list(map(str, caught.value.mistakes))


def new_flaws(text: str, sound: str) -> list[str]:
    """All that is wrong in a text, apart from what would not work in the one that it was made from."""
    before = set(map(str, examine(sound, "director.toml").mistakes))
    return [flaw for flaw in flaws(text) if flaw not in before]


@pytest.mark.parametrize(
    ("line", "instead", "flaw"),
    [
        (13, '    weight = "3"', "13: error: weight: must be a whole number, not text"),
        (13, "    weight = true", "13: error: weight: must be a whole number, not true or false"),
        (13, "    weight = 1.5", "13: error: weight: must be a whole number, not a number with a point"),
        (4, 'name = ["shop"]', "4: error: name: must be text, not a list"),
        (4, 'nmae = "shop"', "4: error: nmae: is not a key here; did you mean name?"),
        (
            4,
            "zzz = 1",
            "4: error: zzz: is not a key here; known are flags, name, note, persistence, probe, "
            "scheduler, server, service",
        ),
        (5, "", '3: error: service: is missing; write service = "tcp:192.0.2.10:443"'),
        (5, 'service = "http"', '5: error: service: "http" is not a service such as'),
        (6, "persistence.timeout = -1", "6: error: persistence.timeout: must be from 0 to"),
        (6, "persistence = { timeout = 1,  prefix = 64 }", "6: error: persistence.prefix: is for IPv6 services"),
        (6, "persistence = 300", "6: error: persistence: must be a table, not a whole number"),
        (6, 'persistence = { netmask = "/24" }', "6: error: persistence.netmask: must be a netmask such as"),
        (6, "persistence = { time = 1 }", "6: error: persistence.time: is not a key here; did you mean timeout?"),
        (6, "probe = { type = 1 }", "6: error: probe.type: must be text, not a whole number"),
        (6, 'probe = { type = "htpp" }', "6: error: probe.type: must be tcp, tls, http, https, dns, smtp or udp, not"),
        (6, 'probe = { type = "http", pth = "/" }', "6: error: probe.pth: is not a key here; did you mean path?"),
        (6, 'probe = { path = "health" }', "6: error: probe.path: must begin with / and be ASCII without spaces"),
        (6, "probe = { status = 99 }", "6: error: probe.status: must be a status from 100 to 599"),
        (6, "probe = { status = [200] }", "6: error: probe.status: must be a whole number, not a list"),
        (6, 'probe = { name = "a..b" }', "6: error: probe.name: must be a name such as"),
        (6, 'probe = { record = "MX" }', '6: error: probe.record: must be A, NS, SOA, AAAA, not "MX"'),
        (6, 'probe = { send = "hex:0" }', "6: error: probe.send: needs pairs of hexadecimal digits"),
        (6, "probe = { days = -1 }", "6: error: probe.days: must be a whole number from 0 to 3650"),
        (6, "probe = { port = 65536 }", "6: error: probe.port: must be from 0 to 65535"),
        (6, "probe = { timeout = 0.05 }", "6: error: probe.timeout: must be 0.1 to 30 seconds"),
        (6, "probe = { timeout = inf }", "6: error: probe.timeout: must be 0.1 to 30 seconds"),
        (6, "probe = { timeout = true }", "6: error: probe.timeout: must be a number, not true or false"),
        (6, 'scheduler = "w lc"', "6: error: scheduler: must be a name without spaces"),
        (6, 'flags = ["sh-port"]', '6: error: flags: "sh-port" is none of'),
        (6, "flags = [1]", "6: error: flags: must be a list of texts"),
        (13, "    weight = -1", "13: error: weight: must be from 0"),
        (17, "    wieght = 1", "17: error: wieght: is not a key here; did you mean weight?"),
        (19, "    port = 65536", "19: error: tunnel.port: must be from 0 to 65535"),
        (16, "", "15: error: server: is missing"),
        (16, '    server = "10.0.0.11:443"', "16: error: server: 10.0.0.11:443 is there twice in this service"),
        (17, '    name = "web1"', '17: error: name: another server of this service is called "web1" already'),
        (1, "", "1: error: format: is missing; write `format = 1` at the top"),
        (1, "format = 2", "1: error: format: 2 is newer than this lvstui reads (1); use a newer lvstui"),
        (1, 'format = "1"', "1: error: format: must be a whole number"),
        (2, 'mark = [{ match = ["tcp any 80"] }]', "2: error: mark: is missing"),
        (2, "mark = [{ mark = 80 }]", "2: error: match: is missing"),
        (2, "mark = [{ mark = 80, match = [] }]", "2: error: match: needs what gets the mark"),
        (2, 'mark = [{ mark = 80, match = ["tcp 192.0.2.10 80,443 on eth0"] }]', "2: error: match: must be protocol"),
        (2, 'mark = [{ mark = 0, match = ["tcp any 80"] }]', "2: error: mark: must be from 1"),
        (2, "sysctl = 1", "2: error: sysctl: must be a table, not a whole number"),
        (2, "sysctl.drop_entry = 4", '2: error: sysctl.drop_entry: must be 0 to 3, not "4"'),
        (2, "sysctl.sync_threshold = 3", "2: error: sysctl.sync_threshold: must be two numbers"),
        (2, "sysctl.conntrack = true", "2: error: sysctl.conntrack: must be a whole number, or a text such as"),
        (2, 'sysctl."../hostname" = "x"', "2: error: sysctl.../hostname: is no name of a setting of net.ipv4.vs"),
        (2, "timeouts = { tcp = 1 }", "2: error: timeouts: tcp_fin, udp missing; give all three"),
        (2, "timeouts = { tcp = 1, tcp_fin = 1, udp = -1 }", "2: error: timeouts.udp: must be from 0"),
        (2, 'director = { title = "x" }', "2: error: director.title: is not a key here; known are host, name, netns"),
        (
            2,
            'director = { host = "lb 1" }',
            "2: error: director.host: must be the name of a machine as `hostname` prints",
        ),
        (2, "director = { host = 1 }", "2: error: director.host: must be text, not a whole number"),
        (2, 'director = { netns = "../lb1" }', "2: error: director.netns: must be a name that `ip netns` lists, not"),
        (2, 'sync = [{ role = "slave", interface = "eth0" }]', "2: error: role: must be master or backup"),
        (2, 'sync = [{ role = "master" }]', "2: error: interface: is missing"),
        (2, 'sync = [{ role = "master", interface = "a", group = "b" }]', '2: error: group: "b" is not an IPv4'),
        (2, "sync = [1]", "2: error: sync: must be a table"),
        (2, "sync = {}", "2: error: sync: must be a list, not a table"),
        (2, "a = ", "2: error: a: has no value; write one behind ="),
        (2, "[service]", "2: error: service: must be a list, not a table; write [[service]]"),
        (19, "    port = [", "19: error: port: the list is not closed; write ]"),
    ],
)
def test_a_flaw_is_reported_with_its_line_and_field(line: int, instead: str, flaw: str) -> None:
    lines = BLOCKS.splitlines()
    lines[line - 1] = instead
    assert new_flaws("\n".join(lines), BLOCKS)[0].startswith(f"director.toml:{flaw}")


@pytest.mark.parametrize(
    ("old", "new", "flaw"),
    [
        ("weight = 3", "weight = -1", "37: error: weight: must be from 0 to 2147483647"),
        ('"csum"', '"yes"', "38: error: tunnel.checksum: must be nocsum, csum, remcsum"),
        ("port = 6080", "prot = 6080", "38: error: tunnel.prot: is not a key here; did you mean port?"),
        ('"[fd00::12]:443"', '"10.0.0.11:443"', "38: error: server: 10.0.0.11:443 is there twice in this service"),
        ("timeout = 300", "timeout = -1", "34: error: persistence.timeout: must be from 0"),
        ('"backup"', '"master"', "17: error: role: there is a master daemon above; one is allowed"),
        ('"mark6:80"', '"tcp:192.0.2.10:443"', "27: error: persistence.prefix: is for IPv6 services"),
    ],
)
def test_a_flaw_in_a_line_of_the_canonical_form_is_reported_with_that_line(old: str, new: str, flaw: str) -> None:
    assert new_flaws(FULL_TEXT.replace(old, new), FULL_TEXT)[0].startswith(f"director.toml:{flaw}")


def test_a_service_that_is_there_twice_is_reported_at_the_second() -> None:
    twice = 'format = 1\n[[service]]\nservice = "mark:1"\nname = "a"\n[[service]]\nservice = "mark:1"\nname = "a"\n'
    assert flaws(twice) == [
        "director.toml:6: error: service: mark:1 is there twice; take one out",
        'director.toml:7: error: name: another service is called "a" already; choose another name',
    ]


def test_all_flaws_are_reported_at_once_in_the_order_of_the_lines() -> None:
    text = BY_HAND.replace('"masq"', '"nat"').replace("6080", "0.5").replace("format = 1", "format = 1\nzzz = 1")
    assert [flaw.split(": ")[:3] for flaw in flaws(text)] == [
        ["director.toml:2", "error", "zzz"],
        ["director.toml:12", "error", "forwarding"],
        ["director.toml:19", "error", "tunnel.port"],
    ]
    with pytest.raises(ProfileError, match=r"2: error: zzz: .* \(and 2 more; `lvstui check FILE` lists them\)"):
        loads(text, "director.toml")


def test_what_the_parser_itself_cannot_take_is_a_flaw_as_well() -> None:
    assert flaws(f"format = {'9' * 5000}") == [
        "director.toml:1: error: format: a number has thousands of digits; correct it"
    ]
    for key in ("a" + ".a" * 20_000, "a = {a" + " .'a'" * 20_000, "[[a" + '."a"' * 20_000, "a" + "\t.\ta" * 32):
        (flaw,) = flaws(f"\n{key}")
        assert flaw.startswith("director.toml:2: error: ")
        assert flaw.endswith(": a key has more than 32 parts; correct it")
    assert flaws(f"a = {'[' * 5000}") == ["director.toml:1: error: a: lists are nested too deeply; take brackets out"]


def test_hostile_text_in_a_flaw_is_escaped() -> None:
    sentences = flaws('format = 1\n"\\u001b[31m" = 1\n[[service]]\nservice = "\\u001b[2J"\n')
    assert len(sentences) == 2
    assert all(flaw.isprintable() for flaw in sentences)
    assert loads_error_source("a\x1b[31m.toml").isprintable()


def loads_error_source(source: str) -> str:
    with pytest.raises(ProfileError) as caught:
        loads("", source)
    return str(caught.value)


@laws
@given(directors(), st.data())
def test_every_line_of_a_profile_is_found_wherever_it_is_broken(director: Director, data: st.DataObject) -> None:
    """Break one weight and look whether the line that is named is the line that was broken."""
    sound = dumps(director)
    lines = sound.split("\n")
    rows = [number for number, line in enumerate(lines) if line.startswith("    {")]
    assume(rows)
    broken = data.draw(st.sampled_from(rows))
    head, _, tail = lines[broken].rpartition(" }")
    lines[broken] = f"{head}, wieght = 1 }}{tail}"
    assert new_flaws("\n".join(lines), sound) == [
        f"director.toml:{broken + 1}: error: wieght: is not a key here; did you mean weight?"
    ]


def test_a_note_may_have_as_many_dots_as_it_likes() -> None:
    note = ".".join("x" * 100) + " = 1"
    for quote in ('"', "'", '"""\n', "'''\n"):
        end = quote.rstrip("\n")
        text = f'format = 1\n[[service]]\nservice = "mark:1"\nname = "a"\nnote = {quote}{note}{end} # {note}\n'
        (pool,) = loads(text, "director.toml").pools.values()
        assert pool.service.note == note
