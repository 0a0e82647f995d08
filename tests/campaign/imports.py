"""Files of ipvsadm, keepalived, ldirectord and Piranha, damaged or made up: each is read or refused by its lines."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from lvstui.core.change import Change, change_server
from lvstui.core.drift import remove_pool
from lvstui.core.model import Pool
from lvstui.formats.foreign.lines import lines_to_change
from lvstui.formats.foreign.recognise import Form, recognise
from lvstui.formats.profile import read as profile
from lvstui.formats.profile.write import dumps
from tests.campaign import Report, fuzz
from tests.campaign.decoders import mutate
from tests.formats.foreign.names import load
from tests.formats.foreign.seeds import SEEDS_OF

_WORDS: Final[Mapping[Form, str]] = {
    Form.IPVSADM: "ipvsadm -A -E -D -a -e -d -C -t -u -f -s -p -M -r -g -i -m -w -x -y -o -b -6 --pe --set "
    "--tun-type --tun-port --tun-csum --start-daemon --stop-daemon --mcast-interface --syncid --sctp-service -Ln -w5",
    Form.KEEPALIVED: "virtual_server real_server virtual_server_group fwmark group global_defs lvs_timeouts "
    "lvs_sync_daemon inst id protocol TCP UDP SCTP lb_algo lvs_sched lb_kind lvs_method NAT DR TUN type gue port csum "
    "weight uthreshold persistence_timeout persistence_granularity persistence_engine ip_family inet inet6 ops quorum "
    "sorry_server HTTP_GET SSL_GET TCP_CHECK DNS_CHECK UDP_CHECK url path status_code digest connect_port "
    "connect_timeout require_reply payload virtualhost snmp_name include @lb1 @^lb1 $A $A= ${A} ~SEQ(A,1,9) "
    '~LST({A,B},{1,2}) vrrp_instance state { } { } { } ! # \\ "',
    Form.LDIRECTORD: "virtual= virtual6= real= real6= gate masq ipip fallback= scheduler= persistent= netmask= "
    "protocol=tcp protocol=udp protocol=fwm checktype=connect checktype=negotiate service=http request= receive= "
    "virtualhost= checkport= checktimeout= quiescent=yes autoreload=no comment= servicename= ops=yes schedflags= "
    "<l:1> <u:2> -> # \t",
    Form.LVS_CF: "virtual server failover { } { } active = address = port = fwmark = persistent = pmask = network = "
    'nat direct tunnel scheduler = protocol = send = expect = syncdaemon = syncd_iface = syncd_id = serial_no = # "'
    " eth0:1",
}
_VALUES: Final = (
    "0 1 2 7 80 443 65535 65536 99999999999 -1 0x10 1.5 x yes no rr wrr sh mh wlc 192.0.2.1 192.0.2.1:80 10.0.0.1 "
    "10.0.0.1:80 10.0.0.1-9 10.0.0.1->10.0.0.9:80 10.0.0.0/30 10.0.0.0/8 2001:db8::1 [2001:db8::1]:80 fd00::1-ff "
    '255.255.255.0 255.0.255.0 128 web.example two.example nobody.example http https /health "/a b" tcp udp '
    "master backup"
)


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Try each format for a quarter of the time; an input is known by the seed of the run and its number."""
    for form in Form:
        yield fuzz.attack(f"import from {form.value}", partial(attempt, form=form), seconds / len(Form), seed)


def attempt(random: Random, form: Form) -> None:
    """Read a file: what is said of it is on lines that there are, the rest a profile, and the time is short."""
    seeds = SEEDS_OF[form]
    text = made_up(random, form) if random.random() < 0.4 else mutate.text(random, random.choice(seeds), seeds)
    begin = time.process_time()
    recognise(text)
    found = load(form, text, {"conf.d/a": text}, random.choice(("lb1", None)))
    if time.process_time() - begin > fuzz.SLOW:
        raise AssertionError(f"a file of {form.value} took more than a second")
    last = text.count("\n") + 1
    for said in map(str, (*found.mistakes, *found.losses)):
        where = re.match(r"(?:file|conf\.d/a):(\d+): (?:error|warning|loss): ", said)
        if where is None or not 1 <= int(where[1]) <= last or "\n" in said:
            raise AssertionError(f"something is said of a line that is not there: {said[:200]}")
    if found.refused:
        return
    if profile.loads(dumps(found.director), "fuzz.toml") != found.director:
        raise AssertionError("what was imported is another director after it was written and read")
    if form in (Form.KEEPALIVED, Form.LDIRECTORD):
        rows = text.split("\n")
        lines_to_change(form, found, {"file": rows, "conf.d/a": rows}, _edits(found.director.pools.values()))


def made_up(random: Random, form: Form) -> str:
    """Return lines of the words that such a file may have, in no order that makes sense."""
    words, values = _WORDS[form].split(" "), _VALUES.split(" ")
    glue = "" if form is Form.LDIRECTORD else " "
    rows: list[str] = []
    for _ in range(random.randrange(1, 40)):
        row = glue.join(random.choice(random.choice((words, values))) for _ in range(random.randrange(1, 7)))
        rows.append(random.choice(("", "", "\t", "    ")) + row)
    return "\n".join(rows)


def _edits(pools: Iterable[Pool]) -> Sequence[Change]:
    """Return an edit of each server of the first services, and the removal of one of them."""
    found: list[Change] = []
    for pool in list(pools)[:3]:
        for server in list(pool.servers.values())[:3]:
            found.append(change_server(pool.service.key, server, replace(server, weight=77, upper=5)))
    return (*found, *(change for pool in list(pools)[:1] for change in remove_pool(pool)))
