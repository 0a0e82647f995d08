"""Records the seeds of the fuzzing anew: `ipvs` in the lab's guest, `ipsets` and `nft` here, as root.

python -m tests.campaign.decoders.recording nft
python -m tests.lab run --writable tests/campaign/decoders/seeds -- … tests.campaign.decoders.recording ipvs
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from lvstui.core.entries.sync_message import INACTIVE, Message, mark_end
from lvstui.core.model import Endpoint, Family, MarkKey
from lvstui.kernel.ipvs import wire
from lvstui.kernel.live import Live
from lvstui.kernel.netlink.channel import Channel, look_up, open_generic
from lvstui.kernel.netlink.links import _links
from lvstui.kernel.nft.ipsets.reading import read as read_set
from lvstui.kernel.nft.nfnetlink import open_socket
from lvstui.kernel.nft.reading import tables
from tests.campaign.decoders import tape
from tests.kernel import corpus
from tests.kernel.ipvsadm import ipvsadm
from tests.kernel.nft.alone import alone, nft, output
from tests.kernel.nft.idioms import IPTABLES, IPV4, IPV6, RULES, SCRIPTS
from tests.kernel.nft.ipset_cases import CASES

_TEXTS = ("ip_vs", "ip_vs_stats_percpu", "ip_vs_conn", "ip_vs_conn_sync")


def ipvs() -> None:
    """Record a director of all kinds, with a daemon."""
    output("modprobe", "ip_vs_pe_sip")
    kernel = Live()
    kernel.send_sync(list(_entries()))
    kernel.close()
    ipvsadm("--set", "900", "120", "300")
    ipvsadm("--start-daemon", "master", "--mcast-interface", "lo", "--syncid", "7")
    daemon = _recorded()
    ipvsadm("--stop-daemon", "master")
    ipvsadm("-R", lines=list(corpus.loadable(corpus.generate(7, 6))))
    tape.save("ipvs", daemon | _recorded())
    _record_links()
    for name in _TEXTS:
        (tape.SEEDS / f"{name}.txt").write_bytes(Path("/proc/net", name).read_bytes())


@alone
def _record(found: dict[str, tape.Conversation], title: str, script: str, *rules: str) -> None:
    if rules:
        lines = "\n".join(rule if rule.startswith((":", "-A")) else f"-A PREROUTING {rule}" for rule in rules)
        output(f"{script}-restore", "--noflush", text=f"*mangle\n{lines}\nCOMMIT\n")
    else:
        nft(script)
    recorder = tape.Recorder(open_socket())
    with closing(tape.Filter(recorder)) as netfilter:
        tables.read(netfilter)
    found[title] = recorder.conversation


@alone
def _record_legacy(program: str, *rules: str) -> None:
    lines = "\n".join(rule if rule.startswith((":", "-A")) else f"-A PREROUTING {rule}" for rule in rules)
    output(f"{program}-restore", text=f"*mangle\n{lines}\nCOMMIT\n")
    (tape.SEEDS / f"{program}.txt").write_text(output(f"{program}-save", "-c"))


def _recorded() -> dict[str, tape.Conversation]:
    """Record a reading of everything; its title is the family's number and what it has in it."""
    number = look_up(Channel(open_generic()), wire.FAMILY_NAME)
    recorder = tape.Recorder(open_generic())
    director = tape.ipvs(recorder, number).read().director
    return {f"{number} {len(director.pools)} services": recorder.conversation}


def _entries() -> Iterator[Message]:
    """Make entries and connections of all kinds."""
    for number in range(40):
        four, host = number % 2, number // 2
        client = IPv4Address(0x64400000 + host) if four else IPv6Address((0xFD << 120) + host)
        virtual = IPv4Address("192.0.2.10") if four else IPv6Address("2001:db8::10")
        server = IPv4Address("10.0.0.11") if four else IPv6Address("fd00::11")
        ends = Endpoint(virtual, 5060), Endpoint(server, 5060)
        entry = Message((17, 6, 132)[number % 3], Endpoint(client, 0), *ends, 100 + number)
        known = number % 3 == 0
        yield entry._replace(engine="sip", identity=f"call-{number}@example".encode()) if known else entry
        yield Message(6, Endpoint(client, 40000), *ends, 100 + number, INACTIVE, number % 11)
        mark = mark_end(MarkKey(number + 1, Family.IPV4 if four else Family.IPV6))
        yield Message(0, Endpoint(client, 0), mark, Endpoint(server, 0), 900, mark=number + 1)


def _record_links() -> None:
    output("ip", "link", "property", "add", "dev", "lo", "altname", "a-second-name")
    recorder = tape.Recorder(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE))
    list(_links(Channel(recorder)))
    tape.save("links", {"all": recorder.conversation})


def _record_family() -> None:
    recorder = tape.Recorder(open_generic())
    look_up(Channel(recorder), "nlctrl")
    tape.save("families", {"nlctrl": recorder.conversation})


def netfilter() -> None:
    """Record rules of all kinds, and what is said of a family."""
    _record_family()
    found: dict[str, tape.Conversation] = {}
    _record(found, "rules", _chain(list(RULES.values())))
    for name, script in SCRIPTS.items():
        _record(found, name, script)
    for program, own in (("iptables-nft", IPV4), ("ip6tables-nft", IPV6)):
        rules = [rule for rule in (IPTABLES | own).values() if "--match-set" not in rule]
        _record(found, program, program, *rules)
        _record_legacy(program.replace("nft", "legacy"), *rules)
    tape.save("nft", found)


@alone
def sets() -> None:
    """Record sets of ipset of all types that this kernel has."""
    found: dict[str, tape.Conversation] = {}
    for number, (create, elements, *_) in enumerate(CASES.values()):
        output("ipset", "create", f"s{number}", *create.split())
        output("ipset", "restore", text="".join(f"add s{number} {element}\n" for element in elements))
    output("ipset", "restore", text="create all list:set\nadd all s0\nadd all s1\nadd all s4\n")
    for name in (*(f"s{number}" for number in range(len(CASES))), "all"):
        recorder = tape.Recorder(open_socket())
        with closing(tape.Filter(recorder)) as netfilter:
            read_set(netfilter, name)
        found[name] = recorder.conversation
    tape.save("ipsets", found)


def _chain(rules: list[str]) -> str:
    lines = "\n".join(rules)
    return f"table inet t {{\nchain pre {{\ntype filter hook prerouting priority -150\n{lines}\n}}\n}}"


if __name__ == "__main__":
    {"ipvs": ipvs, "ipsets": sets, "nft": netfilter}[sys.argv[1]]()
