"""Files as people write them for ldirectord: in any order and indentation, with comments, names, ranges and habits."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final

_SCHEDULERS: Final = ("rr", "wrr", "lc", "wlc", "sh", "mh", "dh", "sed", "nq", "fo", "ovf", "lblc", "lblcr")
_MASKS: Final = ("255.255.255.0", "255.255.0.0", "255.255.255.255", "0.0.0.0", "255.0.255.0")
_GLOBALS: Final = (
    "checktimeout=3",
    "checktimeout = 3  # seconds",
    "negotiatetimeout=5s",
    "failurecount=2",
    "autoreload=no",
    "cleanstop=yes",
    "fork=no",
    'logfile="/dev/null"',
    'emailalert="admin@example.net"',
    "emailalert=admin@example.net",
    "emailalertfreq=3600",
    "emailalertstatus=none",
    "readdquiescent=no",
    "fallback=127.0.0.9:80 gate",
    "fallback6=[fd00::99]:80 masq",
    "smtp=mail.example.net",
    "supervised=no",
    "# a comment",
    "",
)
_TIMES: Final = ("50", "600", "600s", '"1800"', "2678400")
_EQUALS: Final = ("=", "=", " = ", "= ", " =", "\t=\t")
_INDENTS: Final = ("\t", "    ", "        ", "      ", "\t\t", "  \t", "    \t")
_STRICT: Final = ("ops", "netmask", "quiescent", "cleanstop", "checkcommand")
_PORTS: Final = ("80", "53", "5060", "443", "https", "domain", "3306")


def ldirectord(seed: int) -> str:
    """Write an ldirectord.cf, which knows `web.example` as 192.0.2.77; the same seed writes the same one."""
    dice = Random(seed)
    lines = ["# By hand", "checkinterval = 600", f"quiescent={dice.choice(('yes', 'no'))}"]
    lines += dice.sample(_GLOBALS, dice.randrange(7))
    dice.shuffle(lines)
    for number in range(dice.choice((1, 1, 2))):
        lines += _section(dice, number)
        if dice.random() < 0.2:
            lines += ["", dice.choice(_GLOBALS)]
    return "\n".join(lines) + "\n" * dice.randrange(3)


def _section(dice: Random, number: int) -> Iterator[str]:
    six, indent = dice.choice(("", "", "6")), dice.choice(_INDENTS)
    persistent, marked = dice.random() < 0.4, dice.random() < 0.3
    port = ""
    if marked:
        target = f"{dice.choice((7, 80, 2**31 - 9)) + number}"
    else:
        port = dice.choice((*_PORTS, *(["0"] if persistent else [])))
        host = f"[2001:db8::{number + 1}]" if six else dice.choice((f"192.0.2.{number + 1}", "web.example"))
        target = f"{host}:{port}"
    yield f"virtual{six}{dice.choice(_EQUALS)}{target}{dice.choice(('', '', ' ', '  # a service', ' behind it'))}"
    lines = [*_settings(dice, six=bool(six)), *_kept(dice, six=bool(six), persistent=persistent)]
    protocol = "fwm" if marked else dice.choice(("tcp", "udp", ""))
    lines += [f"protocol{dice.choice(_EQUALS)}{protocol}"] if protocol else []
    base = number * 40 if dice.random() < 0.7 else 0  # else with servers that another section has too
    reals = [_real(dice, base + place * 5, port, six=bool(six)) for place in range(dice.choice((1, 1, 2, 3)))]
    lines += [f"real{six}{dice.choice(_EQUALS)}{one}" for one in reals]
    if dice.random() < 0.15:
        lines.append(f"real{six}={reals[0]}")
    dice.shuffle(lines)
    for line in lines:
        if dice.random() < 0.1:
            yield dice.choice(
                ("# at the margin", f"{indent}# within", "  # between", f"{indent}#real=10.0.0.1:80 gate")
            )
        own = indent if dice.random() < 0.8 else dice.choice(_INDENTS)
        strict = line.startswith(_STRICT)  # which ldirectord takes with nothing behind them, not even a blank
        yield f"{own}{line}{dice.choice(('', '', '#so', '' if strict else ' # as it is'))}"


def _settings(dice: Random, *, six: bool) -> Iterator[str]:
    """Yield what keeps all servers in, and what a table does not show."""
    yield dice.choice(
        (
            f"checktype{dice.choice(_EQUALS)}on",
            'checktype="on"',
            "checktype=negotiate",
            "checktype = external",
        )
    )
    yield dice.choice(("service=none", "service = none", 'service="none"'))
    yield dice.choice(("checkcommand=/bin/true", 'checkcommand = "/bin/true"'))
    fallback = f"fallback6 = {dice.choice(('[fd00::98]:80', '[fd00::98]'))}" if six else "fallback=10.9.0.9:80 gate"
    extra = (
        'request="index.html"',
        'request = "/a b"',
        'receive="Test Page"',
        "virtualhost=www.example.net",
        'virtualhost = "www.example.net"',
        "checkport=80",
        "checkport = 8080/tcp",
        "checktimeout=5",
        "negotiatetimeout = 10s",
        "checkcount=3",
        "failurecount=2",
        "checkinterval=600",
        "quiescent=no",
        "cleanstop=no",
        'login="lvs"',
        'passwd="hush"',
        'database="shop"',
        "httpmethod=HEAD",
        "servicename=Web Site",
        "comment=by hand",
        fallback,
        "fallbackcommand=/bin/true",
        "emailalert=admin@example.net",
    )
    yield from dice.sample(extra, dice.randrange(6))


def _kept(dice: Random, *, six: bool, persistent: bool) -> Iterator[str]:
    """Yield what becomes of a service's own values."""
    scheduler = dice.choice((*_SCHEDULERS, ""))
    if scheduler:
        yield dice.choice(("scheduler={}", "scheduler = {}", 'scheduler="{}"', "scheduler={};")).format(scheduler)
    if dice.random() < 0.1:
        yield f"scheduler={scheduler or 'wrr'}"
    if scheduler in ("sh", "mh") and dice.random() < 0.6:
        yield f"schedflags={scheduler}-port,{scheduler}-fallback"
    elif dice.random() < 0.3:
        yield f"schedflags={dice.choice(('flag-1', 'flag-2,flag-3', 'flag-1 flag-2', 'flag-3,flag-1'))}"
    if dice.random() < 0.3:
        yield "ops=yes"
    if persistent:
        yield f"persistent{dice.choice(_EQUALS)}{dice.choice(_TIMES)}"
    if dice.random() < 0.3:
        yield f"netmask{dice.choice(_EQUALS)}{dice.choice(('64', '128', '1')) if six else dice.choice(_MASKS)}"


def _real(dice: Random, base: int, port: str, *, six: bool) -> str:
    host = f"[fd00::{base + 1}]" if six else dice.choice((f"10.8.0.{base + 1}", f"10.8.0.{base + 1}", "web.example"))
    if not six and dice.random() < 0.3:
        host = f"10.8.0.{base + 1}->10.8.0.{base + 3}"
    method = dice.choice(("gate", "masq", "ipip"))
    # With another port than the service's, which ipvsadm changes, ldirectord loses sight of a server by gate or ipip.
    ports = ("", ":80", ":8080", ":https") if method == "masq" or not port else (f":{port}",)
    words = [host + dice.choice(ports), method]
    words += [dice.choice(("0", "1", "7", "70000", "007"))] if dice.random() < 0.7 else []
    words += [dice.choice(('"a.html", "ok"', '"/a","b c"', '"a" "b"', '"a.html", ""'))] if dice.random() < 0.2 else []
    words += dice.choice(([], [], ["u:50"], ["l:5", "u:50"], ["u:70"]))
    return dice.choice((" ", " ", "\t", "  ")).join(words)
