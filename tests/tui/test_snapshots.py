"""Pictures of the screens; `make snapshots` takes them anew once somebody has looked at what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from lvstui.core.change import change_group, change_server
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import RealServer, ServerKey
from tests.build import SHOP, endpoint
from tests.tui.conftest import Stage

Compare = Callable[..., bool]

SIZES = [(80, 24), (160, 48)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_services(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def with_traffic(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 30)
        await pilot.press("down", "down")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=size, run_before=with_traffic)


def test_a_silent_server_and_what_the_advice_stages(stage: Stage, snap_compare: Compare) -> None:
    async def drained(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 5)
        key = ServerKey(SHOP, endpoint("10.0.0.12:443"))
        stage.kernel.afflict(key, Trouble.SILENT)
        await stage.look(pilot, 12)
        stage.view.table.move_to(key)
        await pilot.press("i", "enter")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(120, 30), run_before=drained)


def test_a_staged_weight(stage: Stage, snap_compare: Compare) -> None:
    async def staged(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("down", "plus", "plus")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=staged)


def test_the_delete_dialog(stage: Stage, snap_compare: Compare) -> None:
    async def asked(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("down", "delete")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=asked)


def test_help(stage: Stage, snap_compare: Compare) -> None:
    async def helped(pilot: Pilot[int]) -> None:
        await stage.look(pilot)
        await pilot.press("question_mark")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 30), run_before=helped)


def test_machines(stage: Stage, snap_compare: Compare) -> None:
    async def grouped(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("m", "0")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(120, 30), run_before=grouped)


def test_the_form_of_a_service(stage: Stage, snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await stage.look(pilot)
        await pilot.press("e")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=opened)


def test_the_director(stage: Stage, snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("5", *["down"] * 6)
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(120, 40), run_before=opened)


def test_changes(stage: Stage, snap_compare: Compare) -> None:
    async def drifted(pilot: Pilot[int]) -> None:
        await stage.look(pilot)
        for key, server in first_servers(stage, 3):
            stage.kernel.write(change_server(key.service, server, replace(server, weight=server.weight + 1)))
        await stage.look(pilot)
        await pilot.press("6", "down", "down")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(100, 24), run_before=drifted)


def first_servers(stage: Stage, count: int) -> list[tuple[ServerKey, RealServer]]:
    pools = stage.kernel.read().director.pools.values()
    servers = [(ServerKey(pool.service.key, end), server) for pool in pools for end, server in pool.servers.items()]
    return servers[:count]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_persistence(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("2")
        await stage.look(pilot, 2)
        await pilot.press("down", "down")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=size, run_before=opened)


def test_entries_by_service_with_their_distribution(stage: Stage, snap_compare: Compare) -> None:
    async def grouped(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("2")
        await stage.look(pilot, 2)
        await pilot.press("m", "m", "D")
        await stage.look(pilot)

    assert snap_compare(stage.app, terminal_size=(100, 30), run_before=grouped)


def test_the_move_dialog(stage: Stage, snap_compare: Compare) -> None:
    async def asked(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("2")
        await stage.look(pilot, 2)
        await pilot.press("M")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=asked)


def test_connections(stage: Stage, snap_compare: Compare) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("4")
        await stage.look(pilot, 2)

    assert snap_compare(stage.app, terminal_size=(100, 24), run_before=opened)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_marks(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("3", "f")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=size, run_before=opened)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_wizard(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def filled(pilot: Pilot[int]) -> None:
        await stage.look(pilot, 3)
        await pilot.press("3", "down", "a", "tab", *"192.0.2.50, 2001:db8::50", "tab", "tab", *"news")
        await pilot.press("tab", "tab", "tab", *"web1, web2 3, fd00::81 tunnel", "tab")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=size, run_before=filled)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_advice(stage: Stage, snap_compare: Compare, size: tuple[int, int]) -> None:
    async def opened(pilot: Pilot[int]) -> None:
        await stage.look(pilot)
        stage.kernel.write(change_group((stage.director.marks or {})[80], None))
        await stage.look(pilot, 2)
        await pilot.press("i")
        await pilot.pause()

    assert snap_compare(stage.app, terminal_size=size, run_before=opened)
