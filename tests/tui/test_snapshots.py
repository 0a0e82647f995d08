"""Pictures of every view and dialog; `make snapshots` takes them anew once somebody has looked at what changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from lvstui.core.change import change_group, change_server
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import ServerKey
from lvstui.tui.themes import put_on
from tests.build import SHOP, endpoint
from tests.tui.conftest import SIZES, Stage

Compare = Callable[..., bool]

Scene = Callable[[Stage, Pilot[int]], Awaitable[None]]
"""Leads the app to what is worth a picture."""

LOOK = "look"
"""Stands among keys for a reading of the kernel."""

WEB2 = ServerKey(SHOP, endpoint("10.0.0.12:443"))


def pressed(*keys: str) -> Scene:
    """Return the scene after these keys."""

    async def scene(stage: Stage, pilot: Pilot[int]) -> None:
        await stage.look(pilot, 2)
        await press(stage, pilot, *keys)

    return scene


async def press(stage: Stage, pilot: Pilot[int], *keys: str) -> None:
    """Press keys one after the other, and read the kernel in between."""
    for key in keys:
        if key == LOOK:
            await stage.look(pilot)
        else:
            await pilot.press(key)
    await pilot.pause()


def in_trouble(*keys: str) -> Scene:
    """Return the scene after keys on a server that has been silent for a while."""

    async def scene(stage: Stage, pilot: Pilot[int]) -> None:
        await stage.look(pilot, 2)
        stage.kernel.afflict(WEB2, Trouble.SILENT)
        for _ in range(12):
            stage.clock.now += 1.0
            stage.app.worker.step(0)
        await stage.look(pilot)
        stage.view.table.move_to(WEB2)
        await press(stage, pilot, *keys)

    return scene


def on_web2(*keys: str) -> Scene:
    """Return the scene after keys on a server of the shop."""

    async def scene(stage: Stage, pilot: Pilot[int]) -> None:
        await stage.look(pilot, 2)
        stage.view.table.move_to(WEB2)
        await press(stage, pilot, *keys)

    return scene


async def long_watched(stage: Stage, pilot: Pilot[int]) -> None:
    """Open the detail of a server after some minutes."""
    await stage.look(pilot)
    for _ in range(24):
        stage.clock.now += 10.0
        stage.app.worker.step(0)
    await stage.look(pilot)
    stage.view.table.move_to(WEB2)
    await press(stage, pilot, "enter")


async def troubled_and_long_watched(stage: Stage, pilot: Pilot[int]) -> None:
    """Show a server with its charts that has been silent for some of the last 90 seconds."""
    await stage.look(pilot)
    for seconds in range(80):
        if seconds == 60:
            stage.kernel.afflict(WEB2, Trouble.SILENT)
        stage.clock.now += 1.0
        stage.app.worker.step(0)
    await stage.look(pilot)
    stage.view.table.move_to(WEB2)
    await press(stage, pilot, "full_stop")


def drifted(*keys: str) -> Scene:
    """Return the scene after keys where another program has changed weights."""

    async def scene(stage: Stage, pilot: Pilot[int]) -> None:
        await stage.look(pilot)
        for address in ("10.0.0.11:443", "10.0.0.13:443"):
            key = ServerKey(SHOP, endpoint(address))
            server = stage.director.pools[SHOP].servers[key.endpoint]
            stage.kernel.write(change_server(SHOP, server, replace(server, weight=server.weight + 1)))
        await stage.look(pilot)
        await press(stage, pilot, *keys)

    return scene


async def without_rules(stage: Stage, pilot: Pilot[int]) -> None:
    """Ask for advice where the rules of a mark are gone."""
    await stage.look(pilot)
    stage.kernel.write(change_group((stage.director.marks or {})[80], None))
    await stage.look(pilot, 2)
    await press(stage, pilot, "i")


_GROUP = (
    *("3", "down", "a", "tab", *"192.0.2.50, 2001:db8::50", "tab", "tab", *"news"),
    *("tab", "tab", "tab", *"web1, web2 3, fd00::81 tunnel", "tab"),
)

SCENES: Mapping[str, Scene] = {
    "services": in_trouble(),
    "detail": long_watched,
    "staged": on_web2("plus", "plus"),
    "batch": on_web2("space", "space", "d"),
    "machines": pressed("m", "d"),
    "filter": pressed("slash", *"web", "enter"),
    "nothing found": pressed("slash", *"web9", "enter"),
    "persistence": pressed("2", LOOK, LOOK, "down", "down"),
    "spread": pressed("2", LOOK, LOOK, "m", "m", "D", LOOK),
    "marks": pressed("3", "f", "down", "down"),
    "connections": pressed("4", LOOK, LOOK, "down"),
    "connections by server": pressed("4", LOOK, LOOK, "m", LOOK),
    "director": pressed("5", *["down"] * 6),
    "changes": drifted("6", "down", "down"),
    "a change": drifted("6", "down", "down", "enter"),
    "advice": without_rules,
    "advice on trouble": in_trouble("i"),
    "delete a server": on_web2("delete"),
    "delete a service": on_web2("left", "delete"),
    "form of a service": pressed("e"),
    "form of a server": on_web2("e"),
    "wizard": pressed(*_GROUP),
    "move": pressed("2", LOOK, LOOK, "down", "M"),
    "expire": pressed("2", LOOK, LOOK, "down", "x"),
    "columns": pressed("o", "down", "down"),
    "weight": on_web2("W", *"50%"),
    "help": pressed("question_mark"),
    "palette": pressed("colon", *"weight"),
    "themes": pressed("colon", *"themes", "enter"),
    "quit": on_web2("plus", "q"),
}

_WEB1S_CLIENTS = ("slash", *"service=shop", "enter", LOOK, "down", "right", "down")

README: Mapping[str, tuple[Scene, tuple[int, int]]] = {
    "services": (troubled_and_long_watched, (112, 40)),
    "persistence": (pressed("2", LOOK, LOOK, *_WEB1S_CLIENTS, "down", "M", LOOK), (112, 30)),
    "marks": (pressed("3", "f", "down", "down", "T", *"100.64.1.9:4000", "enter", LOOK), (112, 27)),
}
"""The pictures of README.md, and how large the terminal is that they show."""


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.usefixtures("night")
def test_picture(stage: Stage, snap_compare: Compare, name: str, size: tuple[int, int]) -> None:
    async def scene(pilot: Pilot[int]) -> None:
        await SCENES[name](stage, pilot)

    assert snap_compare(stage.app, terminal_size=size, run_before=scene)


@pytest.mark.parametrize("name", README)
@pytest.mark.usefixtures("night")
def test_readme(stage: Stage, snap_compare: Compare, name: str) -> None:
    scene, size = README[name]

    async def shown(pilot: Pilot[int]) -> None:
        await scene(stage, pilot)

    assert snap_compare(stage.app, terminal_size=size, run_before=shown)


@pytest.mark.parametrize("theme", ["light", "safe", "ansi", "contrast"])
@pytest.mark.usefixtures("night")
def test_theme(stage: Stage, snap_compare: Compare, theme: str) -> None:
    async def worn(pilot: Pilot[int]) -> None:
        put_on(stage.app, stage.app.themes.palettes[f"lvstui-{theme}"])
        await in_trouble("minus")(stage, pilot)

    assert snap_compare(stage.app, terminal_size=(80, 24), run_before=worn)
