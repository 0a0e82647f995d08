"""A firewall-mark group through a terminal, from its making to its loss; nft, ipvsadm and HTTP clients are referees."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal
from tests.lab.net import ask

pytestmark = [pytest.mark.netfilter, pytest.mark.usefixtures("director")]

LVSTUI = Path(sys.executable).parent / "lvstui"
SLOW = 180.0
"""Seconds: this kernel runs without hardware's help, beside others that do too."""

APART = """\
-A -t 192.0.2.20:80 -s rr -p 300
-A -t 192.0.2.20:443 -s rr -p 300
"""
SERVERS = "".join(f"-a -t 192.0.2.20:{port} -r 10.0.0.1{n}:{port} -m\n" for port in (80, 443) for n in (1, 2, 3))


def output(*command: str | Path, lines: str = "") -> str:
    return subprocess.run(command, input=lines, check=True, capture_output=True, text=True).stdout


def services() -> list[str]:
    return output("ipvsadm", "-Sn").splitlines()


def rules() -> str:
    """Return the whole ruleset, counted packets left out."""
    return re.sub(r"packets \d+ bytes \d+", "", output("nft", "list", "ruleset"))


def entries(client: str) -> list[str]:
    """Return the persistence entries of a client as ipvsadm lists them."""
    lines = [line.split() for line in output("ipvsadm", "-Lnc").splitlines()]
    return [" ".join(line) for line in lines if len(line) > 3 and line[3] == f"{client}:0"]


def both_ports(client: str) -> set[str]:
    """Ask on both ports by turns, and return the names of the servers that answered."""
    return set(ask([(client, "192.0.2.20", port) for port in (80, 443, 80, 443)]))


def start(terminal: Terminal, profile: Path, view: str, size: tuple[int, int] = (80, 24)) -> None:
    command: list[str | Path] = [LVSTUI, "--live", "--profile", profile, "--view", view]
    terminal.start(command, columns=size[0], rows=size[1])
    terminal.wait_for("? help", SLOW)


def fill(terminal: Terminal, values: Sequence[tuple[str, str]]) -> None:
    """Fill the form's fields from the top one on; an empty value leaves what is proposed."""
    for label, text in values:
        terminal.wait_for(label, SLOW)
        if text:
            terminal.keys("C-u")
            terminal.paste(text)
        terminal.keys("Enter")


def make(terminal: Terminal, servers: str = "10.0.0.11 masq, 10.0.0.12 masq, 10.0.0.13 masq") -> None:
    """Make a group of HTTP and HTTPS by the wizard, as far as it is staged."""
    terminal.keys("a")
    wanted = [
        ("bundle", ""),
        ("addresses", "192.0.2.20"),
        ("mark", ""),
        ("name", "web"),
        ("scheduler", "rr"),
        ("persistence", ""),
        ("real servers", servers),
    ]
    fill(terminal, wanted)
    terminal.keys("C-s")
    terminal.wait_for("Enter applies", SLOW)


def again(terminal: Terminal, key: str, wanted: str | Callable[[str], bool]) -> None:
    """Stage something with a key, apply it, and wait for what shows that it is done."""
    terminal.keys(key)
    terminal.wait_for("Enter applies", SLOW)
    terminal.keys("Enter")
    terminal.wait_for(wanted, SLOW)


def leave(terminal: Terminal) -> None:
    terminal.keys("q")
    assert terminal.wait_for_exit(SLOW) == 0


def packets(screen: str) -> int:
    """Read how many packets got the mark from its row."""
    row = next(line for line in screen.splitlines() if re.match(r" [▸▾] 80 ", line))
    numbers = re.findall(r"(?<!\S)\d+(?!\S)", row.split("80,443", 1)[-1])
    return int(numbers[0]) if numbers else 0


def test_a_group_of_which_a_part_is_refused_is_taken_back_and_made_right_keeps_a_client_on_one_server_on_both_ports(
    terminal: Terminal, tmp_path: Path
) -> None:
    start(terminal, tmp_path / "director.toml", "marks")
    make(terminal, "10.0.0.11 masq, 10.0.0.255 masq")  # the kernel takes no broadcast address
    terminal.keys("Enter")
    terminal.wait_for("not done", SLOW)
    assert services() == []
    assert rules() == ""

    make(terminal)
    assert services() == []
    assert rules() == ""
    terminal.keys("Enter")
    terminal.wait_for("saved", SLOW)
    assert services() == [
        "-A -f 80 -s rr -p 300",
        *(f"-a -f 80 -r 10.0.0.1{n}:0 -m -w 1" for n in (1, 2, 3)),
    ]
    marked = [line for line in rules().splitlines() if "mark set 0x00000050" in line]
    assert len(marked) == 2
    assert all("ip daddr 192.0.2.20 tcp dport { 80, 443 }" in line for line in marked)

    shown = terminal.wait_for(lambda screen: "80,443" in screen and " ok" in screen, SLOW)
    before = packets(shown)
    found = [both_ports(f"198.18.0.{number}") for number in (1, 2, 3)]
    assert [len(names) for names in found] == [1, 1, 1]
    assert set.union(*found) == {"rs1", "rs2", "rs3"}  # round robin: no two clients that come anew share a server
    assert [len(entries(f"198.18.0.{number}")) for number in (1, 2, 3)] == [1, 1, 1]
    terminal.wait_for(lambda screen: packets(screen) > before, SLOW)
    leave(terminal)


def test_without_the_mark_the_advice_says_what_may_happen_and_its_key_bundles_the_services(
    terminal: Terminal, tmp_path: Path
) -> None:
    output("ipvsadm", "-R", lines=APART + SERVERS)
    ask([("198.18.1.9", "192.0.2.20", 80)])  # the two rings are out of step from now on
    assert len(both_ports("198.18.1.1")) == 2
    start(terminal, tmp_path / "director.toml", "services")
    terminal.keys("i")
    terminal.wait_for(lambda screen: "may land on different servers" in " ".join(screen.split()), SLOW)
    terminal.keys("Enter")
    terminal.wait_for("Do it", SLOW)  # two services will go
    terminal.keys("Right", "Enter")
    terminal.wait_for("saved", SLOW)
    terminal.wait_for(lambda screen: "mark:80" in screen and "10.0.0.13" in screen, SLOW)
    assert sorted(services()) == [
        "-A -f 80 -s rr -p 300",
        *(f"-a -f 80 -r 10.0.0.1{n}:0 -m -w 1" for n in (1, 2, 3)),
    ]
    assert [len(both_ports(f"198.18.2.{number}")) for number in (1, 2, 3)] == [1, 1, 1]
    leave(terminal)
    assert (
        "may land on different servers"
        not in subprocess.run([LVSTUI, "--live", "check", "--running"], capture_output=True, text=True).stdout
    )


def test_a_profile_gives_everything_back_after_both_tables_were_flushed(terminal: Terminal, tmp_path: Path) -> None:
    profile = tmp_path / "director.toml"
    start(terminal, profile, "marks", (160, 48))
    make(terminal)
    terminal.keys("Enter")
    terminal.wait_for("saved", SLOW)
    wanted = services(), rules()

    output("nft", "flush", "ruleset")
    terminal.wait_for("lost", SLOW)
    again(terminal, "b", lambda screen: "lost" not in screen and " ok" in screen)
    assert (services(), rules()) == wanted
    leave(terminal)

    output("nft", "flush", "ruleset")
    output("ipvsadm", "-C")
    output(LVSTUI, "--live", "--profile", profile, "apply")
    assert (services(), rules()) == wanted
    assert len(both_ports("198.18.3.1")) == 1
    assert len(entries("198.18.3.1")) == 1


def test_an_edit_and_its_undo_leave_the_rules_of_others_alone(terminal: Terminal, tmp_path: Path) -> None:
    foreign = """\
table ip mangle {
    chain PREROUTING { type filter hook prerouting priority mangle; ip daddr 192.0.2.10 counter meta mark set 10; }
}
table inet firewalld {
    chain mangle_PREROUTING { type filter hook prerouting priority -140; tcp dport 21 meta mark set 21; }
}
"""
    output("nft", "-f", "-", lines=foreign)
    before = rules()
    start(terminal, tmp_path / "director.toml", "marks")
    terminal.wait_for(lambda screen: "▸ 10 " in screen and "▸ 21 " in screen, SLOW)
    make(terminal)
    terminal.keys("Enter")
    terminal.wait_for("saved", SLOW)
    assert before in rules()
    again(terminal, "z", "done: - mark 80")
    assert rules() == before
    assert services() == []
    leave(terminal)
