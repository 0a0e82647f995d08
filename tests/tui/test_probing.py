"""The keys H and h: real servers are asked, and what they answer stands beside what is seen of them."""

from __future__ import annotations

from ipaddress import ip_address

from textual.pilot import Pilot

from lvstui.core import fields
from lvstui.core.change import change_server
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import AddressKey, Endpoint, ServerKey
from lvstui.core.observed import MachineKey
from lvstui.tui.dialogs.probing import SECONDS, ProbeScreen
from lvstui.tui.widgets.lines import Chunks
from tests.tui.conftest import Stage

SIZE = (80, 24)
WEB = ServerKey(fields.service("tcp:192.0.2.10:443"), fields.server("10.0.0.13:443"))


def lines(stage: Stage) -> list[str]:
    screen = stage.app.screen
    assert isinstance(screen, ProbeScreen)
    return str(screen.query_one(Chunks).query_one("#lines").render()).splitlines()


async def press(stage: Stage, pilot: Pilot[int], *keys: str) -> None:
    await stage.look(pilot, 2)
    await pilot.press(*keys)
    await pilot.pause()


async def answered(stage: Stage, pilot: Pilot[int]) -> None:
    """Let the worker ask, and take the answers."""
    for _ in range(20):
        stage.app.worker.step(0)
    await pilot.pause()


async def test_a_server_is_asked_by_one_key_and_by_nothing_else(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 3)
        assert stage.app.snapshot.findings == {}
        stage.view.table.move_to(WEB)
        await press(stage, pilot, "H")
        stage.app.worker.step(0)
        await pilot.pause()
        assert [line.split()[-2:] for line in lines(stage)] == [["asking", "..."]]
        await answered(stage, pilot)
        head, *proof = lines(stage)
        assert head.split() == ["shop", "web3", "10.0.0.13:443", "over", "answers", "0.3", "ms"]
        assert "10.0.0.13:443 takes a connection" in proof[0]
        assert max(map(len, lines(stage))) <= 80


async def test_a_service_a_machine_and_marked_rows_stand_for_their_servers(stage: Stage) -> None:
    for service in ("tcp:192.0.2.10:443", "tcp:192.0.2.10:80"):
        key = fields.service(service)
        assert isinstance(key, AddressKey)
        stage.kernel.afflict(ServerKey(key, Endpoint(ip_address("10.0.0.11"), key.port)), Trouble.REFUSING)
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 2)
        stage.view.table.move_to(WEB.service)
        await press(stage, pilot, "H")
        await answered(stage, pilot)
        heads = [line.split() for line in lines(stage) if line[:1].strip()]
        assert [(head[1], head[4]) for head in heads] == [
            ("web1", "refuses"),
            ("web2", "answers"),
            ("web3", "answers"),
            ("web4", "answers"),
        ]
        await pilot.press("escape")
        stage.view.table.move_to(ServerKey(WEB.service, fields.server("10.0.0.11:443")))
        await press(stage, pilot, "m")
        stage.view.table.move_to(MachineKey(ip_address("10.0.0.11")))
        await press(stage, pilot, "H")
        await answered(stage, pilot)
        heads = [line.split() for line in lines(stage) if line[:1].strip()]
        assert [(head[0], head[4]) for head in heads] == [("shop", "refuses"), ("shop-redirect", "refuses")]


async def test_a_mark_is_asked_for_at_each_of_its_ports(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 2)
        stage.view.table.move_to(ServerKey(fields.service("mark:80"), fields.server("10.0.0.21:0")))
        await press(stage, pilot, "H")
        await answered(stage, pilot)
        assert [line.strip().split(":")[0] for line in lines(stage) if "port" in line and "ms" in line] == [
            "portal  app1 10.0.0.21",
            "port 443",
        ]


async def test_h_asks_again_every_few_seconds_until_it_is_pressed_again_or_left(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 2)
        stage.view.table.move_to(WEB)
        await press(stage, pilot, "h")
        await answered(stage, pilot)
        screen = stage.app.screen
        assert isinstance(screen, ProbeScreen)
        state = lines(stage)[0].split()[3]
        assert f"asked every {SECONDS:g} s, h stops that" in str(screen.query_one(".foot").render())
        stage.kernel.afflict(WEB, Trouble.REFUSING)
        screen.action_ask()  # as the timer does
        await pilot.pause()
        await answered(stage, pilot)
        assert "refuses" in lines(stage)[0]
        assert f" {state} " in lines(stage)[0]
        await pilot.press("h")
        assert f"h asks every {SECONDS:g} s" in str(screen.query_one(".foot").render())
        await pilot.press("escape")
        await pilot.pause()
        assert stage.app.screen is not screen


async def test_a_server_that_goes_away_meanwhile_is_left_out(stage: Stage) -> None:
    async with stage.app.run_test(size=SIZE) as pilot:
        await stage.look(pilot, 2)
        stage.view.table.move_to(WEB)
        await press(stage, pilot, "H")
        await answered(stage, pilot)
        held = stage.director.pools[WEB.service].servers[WEB.endpoint]
        stage.kernel.write(change_server(WEB.service, held, None))
        await stage.look(pilot)
        assert lines(stage) == ["none of these servers is there any more"]
