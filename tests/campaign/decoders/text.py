"""Texts of /proc, of iptables, of files and of operators, read as lvstui reads them."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from random import Random
from typing import Final, TypeAlias

from lvstui.commands.completion.answer import split
from lvstui.core import fields, probe_fields, selectors, sysctls
from lvstui.core.change import EMPTY
from lvstui.core.changes.rows import LANGUAGE as CHANGES
from lvstui.core.director.rows import LANGUAGE as DIRECTOR
from lvstui.core.drift import diff, find_drift
from lvstui.core.entries.columns import LANGUAGE as ENTRIES
from lvstui.core.entries.connections import LANGUAGE as CONNECTIONS
from lvstui.core.entries.request import pin_of
from lvstui.core.fields import FieldError
from lvstui.core.marks.columns import LANGUAGE as MARKS
from lvstui.core.model import Family
from lvstui.core.plan import Plan, steps
from lvstui.core.record import Kind, Record
from lvstui.core.services.filter import LANGUAGE as SERVICES
from lvstui.formats import plan as plans
from lvstui.formats import records
from lvstui.formats.profile import read as profile
from lvstui.formats.profile.examine import examine
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.write import dumps
from lvstui.formats.records import Unreadable
from lvstui.host.claims import keepalived_claims, ldirectord_claims
from lvstui.kernel.live import find_schedulers
from lvstui.kernel.memory.demo import demo_director
from lvstui.kernel.nft.xtables.iptables_save import Saved
from lvstui.kernel.port import KernelError
from lvstui.kernel.procfs.connections import Decoder, Row
from lvstui.kernel.procfs.sysctl import _text
from lvstui.kernel.procfs.table import parse, parse_totals
from lvstui.store.sessions import _session
from lvstui.store.view_memory import Arrangement, ViewMemory
from lvstui.tui import themes
from tests.campaign.decoders import mutate
from tests.campaign.decoders.tape import SEEDS
from tests.formats.test_records import WHEN
from tests.host.test_claims import INCLUDED, KEEPALIVED, LDIRECTORD
from tests.kernel import corpus

Attempt: TypeAlias = Callable[[Random], object]

_NET: Final = {path.stem: path.read_text() for path in SEEDS.glob("*.txt")}
_JUMP: Final = re.compile(r"fuzz\.toml:(\d+): (?:error|warning): (?:[^\n]+): [^\n]+")
_MODULES: Final = "ip_vs_rr 16384 2 - Live 0x0\nip_vs_sh.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz\n"
_PROBED: Final = """\
format = 1
[[service]]
service = "tcp:192.0.2.10:443"
probe = { type = "https", port = 8443, path = "/health", status = "200-299,301", name = "a.example", days = 7 }
[[service]]
service = "udp:192.0.2.53:53"
probe = { type = "dns", name = "example.net", record = "SOA", timeout = 0.5 }
[[service]]
service = "udp:192.0.2.54:99"
probe = { type = "udp", send = "hex:00ff", expect = "pong" }
"""
_PROFILES: Final = [_PROBED, dumps(demo_director()), *(dumps(corpus.generate(seed, 4)) for seed in range(4))]
_HISTORY: Final = [
    records.dump(Record(number, WHEN, "alice", "192.0.2.7", 4711, Kind.DO, (change,)))
    for number, change in enumerate(chain(diff(EMPTY, demo_director()), diff(demo_director(), EMPTY)))
]
_PLANS: Final = [
    plans.dump(Plan(steps(find_drift(have, want), want, demo_director()), "/x", "alice", "", WHEN), want)
    for have, want in ((EMPTY, demo_director()), (demo_director(), corpus.generate(5, 4)))
]
_LINES: Final = ("lvstui set 'my shop' weight=3", 'lvstui --demo add "tcp:[2001:db8::10]:443" note=a\\ b', "a\\\\ b 'c")
_SESSION: Final = '{"user": "alice", "source": "192.0.2.7", "pid": 4711, "since": "2026-11-22T12:30:05+00:00"}'
_FILTERS: Final = (
    *("web weight>0 !10.0.0.0/8", "left<5m", "proto=tcp !state=assured", "ttl>1h server=10.0.0.11", "rate>=1.5k"),
    *("client=fd00::/8 service=tcp:192.0.2.10:80 engine=sip", "active>2 weight!=3 sched=wlc", "mark=0x50 ports=80"),
)
_FIELDS: Final = (
    *("tcp:192.0.2.10:80", "fwmark:80:inet6", "[2001:db8::10]:443", "10.0.0.11:80", "ip47:192.0.2.1", "255.255.255.0"),
    *("200-299,301,404", "/health?a=b", "shop.example.net", "hex:00ff0a", "0.25", "https", "AAAA"),
    *("64", "masq", "gue:6080", "sh-port sh-fallback", "eth0", "wlc", "sip", "master", "a name with ö"),
)
_SELECTORS: Final = (
    "tcp 192.0.2.10 80,443,1000-2000",
    "udp 192.0.2.0/24 198.51.100.1 53 eth0",
    "2001:db8::/32",
    "ip47",
)
_PINS: Final = ("192.0.2.99 tcp:192.0.2.10:443", "2001:db8::1 shop call-id-1", "192.0.2.1 fwmark:80")
_MEMORY_DISK: Final = "/dev/shm"
_THEMES: Final = [*themes.shipped().values()]
_MEMORY: Final = (
    '[services]\ndescending = false\nhidden = ["a", "b"]\nsort = "weight"\n\n[entries]\ngrouping = "server"\n'
)

_FOLDER: Final = tempfile.TemporaryDirectory(
    prefix="lvstui-fuzz-", dir=_MEMORY_DISK if Path(_MEMORY_DISK).is_dir() else None
)


def _file(text: str, name: str) -> Path:
    path = Path(_FOLDER.name, name)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def _fed(seeds: Sequence[str], read: Callable[[str], object], *own: type[Exception]) -> Attempt:
    """Return an attempt that reads a damaged text, which may raise these errors."""

    def attempt(random: Random) -> None:
        with suppress(*own):
            read(mutate.text(random, random.choice(seeds), seeds))

    return attempt


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode_connections(random: Random, *, engines: bool) -> None:
    """Decode a table twice, in pieces, as rows of the first reading are known in the second."""
    whole = _NET["ip_vs_conn" if engines else "ip_vs_conn_sync"]
    known: dict[str, Row] = {}
    lines = whole.splitlines(keepends=True)
    few = "".join(random.choices(lines, k=5))
    changed = few
    for now in (1000.0, 1000.5):
        data = _bytes_of(changed)
        if random.random() < 0.3:
            data = mutate.damage(random, data)
        middle = random.randrange(len(data) + 1)
        decoder = Decoder(engines=engines, known=known, alike=not engines and random.random() < 0.3)
        for part in (data[:middle], data[middle:], b"\n"):
            decoder.decode(part, now)
        changed = mutate.text(random, few, (whole,))


def _iptables(random: Random) -> None:
    """Read what iptables saved, of which one line is damaged."""
    version, name = random.choice(((4, "iptables-legacy"), (6, "ip6tables-legacy")))
    rows = _NET[name].splitlines()
    head, last = rows[:8], rows[-2:]
    row = mutate.text(random, random.choice(rows), rows)
    saved = Saved("\n".join((*head, row, *random.choices(rows, k=3), *last)), version)
    for table in saved.tables:
        for base in table.chains.values():
            list(base.lines)
    list(saved.rules)


def _profile(random: Random) -> None:
    """Read a damaged profile; what is read is written and read again, and is the same."""
    text = mutate.text(random, random.choice(_PROFILES), _PROFILES)
    try:
        director = profile.loads(text, "fuzz.toml")
    except ProfileError as problem:
        str(problem)
        return
    written = dumps(director)
    again = profile.loads(written, "fuzz.toml")
    if again != director or dumps(again) != written:
        raise AssertionError("a profile is another one after it was written and read")


def _examined(random: Random) -> None:
    """Look for all that is wrong in a damaged profile: every mistake is on one line, at a line that there is."""
    rows = random.choice(_PROFILES).split("\n")
    for _ in range(random.randrange(1, 8)):
        number = random.randrange(len(rows))
        rows[number] = mutate.text(random, rows[number], rows)
    text = "\n".join(rows)
    try:
        mistakes = examine(text, "fuzz.toml").mistakes
    except ProfileError as problem:
        mistakes = problem.mistakes
        if not mistakes:
            raise AssertionError("a profile that cannot be read has no mistake") from None
    last = text.count("\n") + 1
    for mistake in mistakes:
        match = _JUMP.fullmatch(str(mistake))
        if match is None or not 1 <= int(match[1]) <= last:
            raise AssertionError(f"an editor cannot jump to {str(mistake)!r}")
    if [one.line for one in mistakes] != sorted(one.line for one in mistakes) or len(set(mistakes)) < len(mistakes):
        raise AssertionError("mistakes are not in the order of their lines, each once")


def _plan(random: Random) -> None:
    """Read a damaged plan; what is read is written and read again, and is the same."""
    text = mutate.text(random, random.choice(_PLANS), _PLANS)
    try:
        plan = plans.load(text, "fuzz.json")
    except ProfileError as problem:
        if not problem.mistakes:
            raise AssertionError("a plan that cannot be read has no mistake") from None
        return
    if plans.load(plans.dump(plan, EMPTY), "fuzz.json") != plan:
        raise AssertionError("a plan is another one after it was written and read")


def _fields(random: Random) -> None:
    text = mutate.text(random, random.choice(_FIELDS), _FIELDS)
    readers: Sequence[Callable[[str], object]] = (
        *(fields.service, fields.server, fields.forwarding, fields.scheduler, fields.engine, fields.interface),
        *(fields.netmask, fields.tunnel_type, fields.checksum, fields.role, partial(fields.label, "name")),
        *(partial(fields.number, "scheduler", limits=(0, 5)), partial(fields.address, "address")),
        partial(fields.mask, family=Family.IPV4),
        partial(fields.mask, family=Family.IPV6),
        lambda text: fields.flags(text.split(), "sh"),
        *(probe_fields.probe_type, probe_fields.path, probe_fields.statuses, probe_fields.name, probe_fields.record),
        *(probe_fields.payload, probe_fields.timeout),
    )
    for read in readers:
        with suppress(FieldError):
            read(text)
    fields.visible(text)


def _filters(random: Random) -> None:
    text = mutate.text(random, random.choice(_FILTERS), _FILTERS)
    for language in (SERVICES, ENTRIES, CONNECTIONS, MARKS, CHANGES, DIRECTOR):
        with suppress(FieldError):
            language.parse(text)


def _sysctls(random: Random) -> None:
    name = random.choice([*sysctls.SETTINGS, "no_such_thing", "../x"])
    text = mutate.text(random, random.choice(("1", "0", "24 8", "1,5-7", "0 -1")))
    _text(_bytes_of(text))
    with suppress(FieldError):
        sysctls.read(sysctls.name(name), text)


def _view_memory(text: str) -> None:
    memory = ViewMemory(_file(text, "view.toml"))
    for view in ("services", "entries"):
        memory.keep(view, Arrangement("x" + memory.recall(view).sort, hidden=(*memory.recall(view).hidden, "b")))


def _claims(random: Random) -> None:
    """Read damaged configurations; a file may include itself."""
    text = mutate.text(random, random.choice((KEEPALIVED, INCLUDED)), (KEEPALIVED, INCLUDED, "include conf\n"))
    keepalived_claims(_file(text, "conf"))
    ldirectord_claims(_file(mutate.text(random, LDIRECTORD, (LDIRECTORD,)), "ldirectord.cf"))


def _schedulers(text: str) -> None:
    find_schedulers(_file(text, "modules"), Path(_FOLDER.name), os.curdir)


DECODERS: Sequence[tuple[str, Attempt]] = (
    ("/proc/net/ip_vs", _fed([_NET["ip_vs"]], partial(parse, hz=100, taken=0.0), KernelError)),
    ("/proc/net/ip_vs_stats_percpu", _fed([_NET["ip_vs_stats_percpu"]], partial(parse_totals, online=2), ValueError)),
    ("/proc/net/ip_vs_conn", partial(_decode_connections, engines=True)),
    ("/proc/net/ip_vs_conn_sync", partial(_decode_connections, engines=False)),
    ("/proc/sys/net/ipv4/vs", _sysctls),
    ("/proc/modules", _fed([_MODULES], _schedulers)),
    ("iptables-save", _iptables),
    ("history records", _fed(_HISTORY, records.load, Unreadable)),
    ("presence files", _fed([_SESSION], lambda text: _session(_bytes_of(text)))),
    ("profile", _profile),
    ("mistakes", _examined),
    ("plans", _plan),
    ("lines of bash", _fed(_LINES, split)),
    ("filters", _filters),
    ("fields", _fields),
    ("selectors", _fed(_SELECTORS, selectors.selector, FieldError)),
    ("pins", _fed(_PINS, partial(pin_of, director=demo_director()), FieldError)),
    ("themes", _fed(_THEMES, partial(themes.read, "theme.toml"), themes.ThemeError)),
    ("view memory", _fed([_MEMORY], _view_memory)),
    ("keepalived and ldirectord", _claims),
)
