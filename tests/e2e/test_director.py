"""The whole way on a real kernel: a key in a real terminal, IPVS, the profile, and back to the screen."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.kernel

LVSTUI = Path(sys.executable).parent / "lvstui"

NETWORK = """\
link add lvs0 type dummy
link set lvs0 up
addr add 192.0.2.1/24 dev lvs0
addr add 10.0.0.1/24 dev lvs0
addr add fd00::1/64 dev lvs0 nodad
"""
TABLE = """\
-A -t 192.0.2.10:443 -s sh -b sh-port -p 300 -M 255.255.255.0
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3 -x 1000 -y 800
-a -t 192.0.2.10:443 -r 10.0.0.12:443 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 192.0.2.10:443 -r [fd00::13]:443 -i -w 2
-A -u 192.0.2.53:53 -s rr -o
-a -u 192.0.2.53:53 -r 10.0.0.12:53 -m -w 1
-A -f 80 -s wlc -p 600
-a -f 80 -r 10.0.0.11:0 -g -w 1
"""


def ipvsadm(*words: str, lines: str = "") -> str:
    return subprocess.run(["ipvsadm", *words], input=lines, check=True, capture_output=True, text=True).stdout


def everything() -> str:
    """What ipvsadm shows of the configuration, one line an object, without counters."""
    listings = ipvsadm("-Sn"), ipvsadm("-Ln", "--thresholds"), ipvsadm("-Ln", "--tun-info")
    return "\n".join(listings)


def assert_only_weight_differs(before: str, after: str, server: str, weights: tuple[str, str]) -> None:
    """Hold that nothing differs but one word, the weight, in lines about one server."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    different = [(old, new) for old, new in pairs if old != new]
    assert different
    for old, new in different:
        assert server in old
        assert [pair for pair in zip(old.split(), new.split(), strict=True) if pair[0] != pair[1]] == [weights]


@pytest.fixture
def director() -> Iterator[None]:
    subprocess.run(["ip", "-batch", "-"], input=NETWORK, check=True, text=True)
    ipvsadm("-C")
    ipvsadm("-R", lines=TABLE)
    yield
    ipvsadm("-C")
    subprocess.run(["ip", "link", "del", "lvs0"], check=True)


Open = Callable[..., Path]


@pytest.fixture
def screen(director: None, terminal: Terminal, tmp_path: Path) -> Open:
    """Open lvstui on the director and wait for its table."""
    del director

    def opened(*words: str, columns: int = 120, rows: int = 30) -> Path:
        profile = tmp_path / "director.toml"
        terminal.start([LVSTUI, "--live", "--profile", profile, *words], columns=columns, rows=rows)
        terminal.wait_for("mark:80")
        return profile

    return opened


def row(screen: str, text: str) -> str:
    return next((line for line in screen.splitlines() if text in line), "")


def cursor(terminal: Terminal) -> tuple[int, str]:
    """Return the table's line on the cursor's ground, by its number and its text, both of one look at the screen."""
    lines = enumerate(terminal.styles().splitlines())
    return next(((at, re.sub(r"\x1b\[[\d;]*m", "", line)) for at, line in lines if "48;5;237" in line), (-1, ""))


def go_to(terminal: Terminal, text: str) -> None:
    """Press Down until the cursor is on a row with this text, each time when the last key has been answered."""
    terminal.keys("g")
    terminal.wait_for(lambda screen: cursor(terminal)[0] == line_after(screen, "Conn/s"))
    for _ in range(20):
        if text in cursor(terminal)[1]:
            return
        go_down(terminal)
    raise AssertionError(f"the cursor never came to {text}:\n{terminal.screen()}")


def go_down(terminal: Terminal) -> None:
    """Press Down and wait until the cursor is on the next line; what its row says may change meanwhile."""
    at, _ = cursor(terminal)
    terminal.keys("Down")
    terminal.wait_for(lambda _: cursor(terminal)[0] == at + 1)


def line_after(screen: str, text: str) -> int:
    """Return the number of the line below the one with this text."""
    return next(at for at, line in enumerate(screen.splitlines(), 1) if text in line)


def test_services_made_with_ipvsadm_show_up(screen: Open, terminal: Terminal) -> None:
    screen()
    shown = terminal.wait_for("udp:192.0.2.53:53")
    assert "sh-port" in row(shown, "tcp:192.0.2.10:443")
    assert {"tunnel", "gue:6080"} <= set(row(shown, "10.0.0.12:443").split())
    assert row(shown, "[fd00::13]:443").split()[1] == "tunnel"
    assert "saved" not in shown


@pytest.mark.parametrize("columns", [80, 160])
def test_plus_plus_enter_changes_one_weight_and_nothing_else_and_z_takes_it_back(
    screen: Open, terminal: Terminal, columns: int
) -> None:
    profile = screen(columns=columns, rows=24)
    before = everything()
    go_to(terminal, "10.0.0.11:443")
    terminal.keys("+", "+")
    terminal.wait_for("3->5")
    command = "ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 5 -x 1000 -y 800"
    terminal.wait_for(lambda text: command in " ".join(text.split()))
    assert everything() == before
    terminal.keys("Enter")
    # On a wide screen the table has the detail beside it, whose title names the server too.
    written = re.compile(r"10\.0\.0\.11:443( +masq)? +5 .* ok\b")
    terminal.wait_for(lambda text: "done:" in text and written.search(text) is not None)
    terminal.wait_for("saved")
    changed = everything()
    assert "-r 10.0.0.11:443 -m -w 5" in changed
    assert_only_weight_differs(before, changed, "10.0.0.11:443", ("3", "5"))
    assert server(profile, "10.0.0.11:443") == {
        "server": "10.0.0.11:443",
        "forwarding": "masq",
        "weight": 5,
        "upper": 1000,
        "lower": 800,
    }
    terminal.keys("z")
    terminal.wait_for("undo: Enter applies")
    assert everything() == changed
    terminal.keys("Enter")
    terminal.wait_for(lambda text: bool(re.search(r"done:.*weight 5 -> 3", text)))
    assert everything() == before
    assert server(profile, "10.0.0.11:443")["weight"] == 3


def test_the_tunnel_of_a_server_survives_an_edit_of_its_weight(screen: Open, terminal: Terminal) -> None:
    screen()
    before = everything()
    go_to(terminal, "10.0.0.12:443")
    terminal.keys("+", "Enter")
    terminal.wait_for("done:")
    assert "-r 10.0.0.12:443 -i -w 2 --tun-type gue --tun-port 6080 --tun-csum" in everything()
    assert_only_weight_differs(before, everything(), "10.0.0.12:443", ("1", "2"))


def test_a_server_added_from_outside_appears_while_the_cursor_stays_on_its_row(
    screen: Open, terminal: Terminal
) -> None:
    screen()
    go_to(terminal, "10.0.0.12:443")
    ipvsadm("-a", "-t", "192.0.2.10:443", "-r", "10.0.0.10:443", "-m", "-w", "7")
    terminal.wait_for("10.0.0.10:443")
    assert "10.0.0.12:443" in cursor(terminal)[1]


def test_delete_asks_and_deletes_that_server_even_if_the_rows_moved_meanwhile(screen: Open, terminal: Terminal) -> None:
    profile = screen()
    go_to(terminal, "10.0.0.12:443")
    terminal.keys("DC")
    terminal.wait_for("Delete real server 10.0.0.12:443")
    ipvsadm("-a", "-t", "192.0.2.10:443", "-r", "10.0.0.10:443", "-m", "-w", "7")
    ipvsadm("-A", "-t", "192.0.2.2:80", "-s", "rr")
    terminal.wait_for("192.0.2.2:80")
    terminal.keys("Enter")
    terminal.wait_for(lambda text: "Delete real server" not in text)
    assert "10.0.0.12:443" in everything()
    terminal.keys("DC")
    terminal.wait_for("Delete real server 10.0.0.12:443")
    before = everything()
    terminal.keys("Right", "Enter")
    terminal.wait_for("done:")
    gone = set(before.splitlines()) - set(everything().splitlines())
    assert gone
    assert all("10.0.0.12:443" in line for line in gone)
    assert "-a -t 192.0.2.10:443 -r 10.0.0.10:443 -m -w 7" in everything()
    assert "10.0.0.12:443" not in profile.read_text()


def loaded() -> list[str]:
    """Return the modules of IPVS that are loaded, in the order in which they can be unloaded."""
    return [line.split()[0] for line in Path("/proc/modules").read_text().splitlines() if line.startswith("ip_vs")]


@pytest.fixture
def no_autoload() -> Iterator[None]:
    """Keep the kernel from loading a module by itself as soon as somebody asks for it; load all again at the end."""
    setting = Path("/proc/sys/kernel/modprobe")
    before, modules = setting.read_text(), loaded()
    setting.write_text("/bin/false")
    yield
    setting.write_text(before)
    subprocess.run(["modprobe", "-a", *modules], check=True)


def unload(terminal: Terminal) -> None:
    """Unload IPVS; while somebody reads the table, as the screens do each second, its modules stay."""

    def is_unloaded() -> bool:
        for module in loaded():
            subprocess.run(["rmmod", module], capture_output=True)
        return not loaded()

    terminal.wait_for(lambda _: is_unloaded())


def test_the_module_going_away_is_said_and_its_return_noticed(
    screen: Open, terminal: Terminal, no_autoload: None
) -> None:
    del no_autoload
    screen()
    ipvsadm("-C")
    unload(terminal)
    terminal.wait_for("modprobe ip_vs")
    terminal.wait_for(lambda text: re.search(r" read \d+ s ago", text) is not None)
    subprocess.run(["modprobe", "-a", "ip_vs", "ip_vs_sh", "ip_vs_rr", "ip_vs_wlc"], check=True)
    terminal.wait_for("answers again")  # before there is more to be said
    ipvsadm("-R", lines=TABLE)
    terminal.wait_for("mark:80")


@pytest.mark.parametrize(("number", "status"), [(1, 129), (15, 143)])
def test_a_signal_ends_it_cleanly(screen: Open, terminal: Terminal, number: int, status: int) -> None:
    screen()
    terminal.send_signal(number)
    assert terminal.wait_for_exit() == status


def server(profile: Path, name: str) -> dict[str, object]:
    services = tomllib.loads(profile.read_text())["service"]
    return next(s for service in services for s in service.get("server", []) if s["server"] == name)
