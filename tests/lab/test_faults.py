"""A real server of the shop that is killed, silenced, taken off the network, and comes back."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.lab import faults, guest, install, net
from tests.lab.__main__ import main
from tests.lab.uml import UserMode

CLIENTS = [f"198.18.1.{number}" for number in range(20, 22)]


@pytest.fixture(scope="module")
def shop() -> Iterator[None]:
    with net.shop():
        yield


def answers() -> list[str]:
    return net.ask([(client, "192.0.2.10", 443) for client in CLIENTS])


@pytest.mark.kernel
@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("fault", [net.kill, net.silence, net.unplug])
def test_clients_that_come_to_a_server_in_trouble_get_no_answer_until_it_is_revived(
    fault: Callable[[str], None],
) -> None:
    assert set(answers()) == {"rs1", "rs2"}
    fault("rs2")
    assert set(answers()) == {"rs1", ""}
    fault("rs2")  # twice is as good as once
    net.revive("rs2")
    assert set(answers()) == {"rs1", "rs2"}


def test_of_several_open_shops_the_one_opened_last_obeys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    shops = [tmp_path / f"lvstui-lab-{name}" for name in ("b", "c", "a")]
    for number, shop in enumerate(shops, 1):
        shop.mkdir()
        (shop / "shop").touch()
        os.utime(shop / "shop", (number, number))

    def obey() -> None:
        while not (order := shops[2] / "fault").exists():
            time.sleep(0.01)
        order.unlink()

    guest_of_last = Thread(target=obey, daemon=True)
    guest_of_last.start()
    faults.ask("kill", "rs2")
    guest_of_last.join()
    assert capsys.readouterr().out == "3 shops are open: this is for the one that was opened last.\n"


@pytest.mark.skipif(bool(install.lacks(UserMode())), reason="needs `python -m tests.lab install`")
def test_an_open_shop_obeys_from_another_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with pytest.raises(guest.LabError, match="No shop is open"):
        faults.ask("kill", "rs2")
    listening = "while sleep 0.2; do ip netns exec rs2 ss -Htln sport = :443 | wc -l; done"
    command = [sys.executable, "-m", "tests.lab.shop", "sh", "-c", listening]
    run = [sys.executable, "-m", "tests.lab", "run", "--", *command]
    with subprocess.Popen(run, cwd=guest.CHECKOUT, stdout=subprocess.PIPE, text=True) as shop:
        assert shop.stdout is not None
        counts = (line.strip() for line in shop.stdout)
        assert "2" in counts  # IPv4 and IPv6
        for fault, count in (("kill", "0"), ("revive", "2")):
            assert main([fault, "rs2"]) == 0
            assert count in counts
        shop.terminate()
    assert main(["kill", "rs2"]) == 125
