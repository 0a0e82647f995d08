"""The full guest: what all tests of firewall marks stand on, shown with the tools that everybody knows."""

from __future__ import annotations

import subprocess

import pytest

from tests.lab.net import SERVERS, ask

pytestmark = [pytest.mark.netfilter, pytest.mark.usefixtures("director")]

RULES = """\
table inet shop {
    chain prerouting {
        type filter hook prerouting priority -120
        ip daddr 192.0.2.10 tcp dport { 80, 443 } counter meta mark set 80
        ip6 daddr 2001:db8:1::10 tcp dport { 80, 443 } counter meta mark set 80
    }
}
"""
TABLE = """\
-A -f 80 -s rr -p 300
-a -f 80 -r 10.0.0.11 -m
-a -f 80 -r 10.0.0.12 -m
-a -f 80 -r 10.0.0.13 -m
-A -f 80 -6 -s rr -p 300
-a -f 80 -6 -r fd00::11 -m
-a -f 80 -6 -r fd00::12 -m
-a -f 80 -6 -r fd00::13 -m
"""
FAMILIES = {
    "IPv4": ("192.0.2.10", ("198.18.0.7", "198.18.0.8")),
    "IPv6": ("2001:db8:1::10", ("2001:db8:c::7", "2001:db8:c::8")),
}


def output(*command: str, lines: str = "") -> str:
    return subprocess.run(command, input=lines, check=True, capture_output=True, text=True).stdout


def persistence_entries(client: str) -> list[str]:
    """Return the entries of this client whose port is 0, as ipvsadm lists them."""
    lines = [line.split() for line in output("ipvsadm", "-Lnc").splitlines()]
    return [" ".join(line) for line in lines if len(line) > 3 and line[3] in (f"{client}:0", f"[{client}]:0")]


@pytest.mark.parametrize(("address", "clients"), FAMILIES.values(), ids=FAMILIES)
def test_a_mark_of_nftables_binds_both_ports_of_a_client_to_one_server(address: str, clients: tuple[str, str]) -> None:
    requests = [(client, address, port) for client in clients for port in (80, 443, 80, 443)]
    assert ask(requests[:1]) == [""]
    output("nft", "-f", "-", lines=RULES)
    output("ipvsadm", "-R", lines=TABLE)
    answers = ask(requests)
    first, second = set(answers[:4]), set(answers[4:])
    assert len(first) == len(second) == 1
    assert first | second < set(SERVERS)  # round robin: without persistence each request would go elsewhere
    assert first != second
    assert [len(persistence_entries(client)) for client in clients] == [1, 1]
