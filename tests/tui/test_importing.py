"""Another program's file on the screens: what it would change, with what is lost, and then an ordinary edit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot

from lvstui.core.fields import service_text
from lvstui.core.model import RealServer
from lvstui.tui.dialogs.listing import Listing
from lvstui.tui.views.changes import ChangesView
from tests.tui.conftest import Stage

CONF = """\
! a comment
vrrp_instance a {
}
virtual_server 192.0.2.99 80 {
    protocol TCP
    lb_kind DR
    notify_up /bin/true
    real_server 10.9.0.1 80 { weight 3 }
    real_server 10.9.0.2 80 { weight 4 }
}
"""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("a.conf")
    path.write_text(CONF, encoding="utf-8")
    return path


async def give(pilot: Pilot[int], line: str) -> None:
    """Give a line in the palette."""
    await pilot.press("colon")
    await pilot.pause()
    await pilot.press(*[{" ": "space"}.get(one, one) for one in line], "enter")
    await pilot.pause()


async def settled(stage: Stage, pilot: Pilot[int]) -> ChangesView:
    """Wait until the file has been read, in its own thread."""
    view = stage.app.query_one(ChangesView)
    async with asyncio.timeout(60):
        while not view.pending and "reading" in stage.shown("message"):
            await asyncio.sleep(0.01)
    await pilot.pause()
    return view


def staged(stage: Stage) -> str:
    return str(stage.app.query_one(ChangesView).query_one("#staged").content)  # type: ignore[attr-defined]


def running(stage: Stage) -> dict[str, list[int]]:
    pools = stage.kernel.read().director.pools
    return {service_text(key): [one.weight for one in pool.servers.values()] for key, pool in pools.items()}


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_a_file_is_staged_as_one_edit_with_its_losses_beside_it_and_applied(
    stage: Stage, conf: Path, size: tuple[int, int]
) -> None:
    async with stage.app.run_test(size=size) as pilot:
        await stage.look(pilot)
        before = running(stage)
        await give(pilot, f"import {conf}")
        view = await settled(stage, pilot)
        assert stage.app.view is view
        text = " ".join(staged(stage).split())
        assert text.startswith("staged as one")
        assert "is a configuration of keepalived; 3 things of it not held by a profile;" in text
        assert f"{len(before)} other services left alone" in text
        assert "+ tcp:192.0.2.99:80 / 10.9.0.1:80: forwarding route, weight 3" in text
        assert "a.conf:7: loss: notify_up /bin/true: left out" in text
        await pilot.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        assert running(stage) == before
        await pilot.press("enter")
        await stage.look(pilot, 2)
        assert running(stage) == {**before, "tcp:192.0.2.99:80": [3, 4]}
        await pilot.press("z", "enter")
        await stage.look(pilot, 2)
        assert running(stage) == before


async def test_esc_drops_it(stage: Stage, conf: Path) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        before = running(stage)
        await give(pilot, f"import {conf}")
        await settled(stage, pilot)
        assert stage.shown("message") == ""
        await pilot.press("escape")
        assert not stage.app.view.pending
        await stage.look(pilot)
        assert running(stage) == before


async def test_errors_are_listed_with_the_losses_and_nothing_is_staged(stage: Stage, conf: Path) -> None:
    conf.write_text(CONF.replace("weight 3", "weight x"), encoding="utf-8")
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(pilot, f"import {conf} keepalived")
        view = await settled(stage, pilot)
        assert not view.pending
        listing = stage.app.screen
        assert isinstance(listing, Listing)
        text = "\n".join(listing._lines)
        assert f'{conf}:8: error: weight: must be a whole number from 0 to 2147483647, not "x"' in text
        assert f"{conf}:2: loss: vrrp_instance a" in text
        await pilot.press("escape")
        assert stage.shown("message").startswith("not imported: 1 error in")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none.conf", "there is no such file"),
        ("empty.conf", "nothing in it shows whose file it is; write one of ipvsadm, keepalived"),
        ("folder", "not imported:"),
    ],
)
async def test_what_cannot_be_read_is_said(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.conf").write_text("\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        await give(pilot, f"import {name}")
        view = await settled(stage, pilot)
        assert not view.pending
        assert sentence in stage.shown("message")


async def test_conditions_of_keepalived_are_asked_for_by_the_third_word(stage: Stage, conf: Path) -> None:
    conf.write_text(f"@lb1 $W=8\n@^lb1 $W=9\n{CONF.replace('weight 3', 'weight $W')}", encoding="utf-8")
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        await give(pilot, f"import {conf}")
        await settled(stage, pilot)
        listing = stage.app.screen
        assert isinstance(listing, Listing)
        assert "`:import FILE keepalived NAME`" in "".join(listing._lines)
        await pilot.press("escape")
        await give(pilot, f"import {conf} keepalived lb1")
        await settled(stage, pilot)
        assert "10.9.0.1:80: forwarding route, weight 8" in " ".join(staged(stage).split())


async def test_names_and_probes_of_what_runs_stay_and_servers_are_those_of_the_file(stage: Stage, conf: Path) -> None:
    async with stage.app.run_test(size=(160, 48)) as pilot:
        await stage.look(pilot)
        pool = next(pool for pool in stage.app.snapshot.reading.director.pools.values() if len(pool.servers) > 1)
        service = pool.service
        kept: RealServer = next(iter(pool.servers.values()))
        lines = f"-A {_option(service_text(service.key))} -s rr\n"
        lines += f"-a {_option(service_text(service.key))} -r {kept.endpoint.address}:{kept.endpoint.port} -m -w 77\n"
        conf.write_text(lines, encoding="utf-8")
        await give(pilot, f"import {conf}")
        await settled(stage, pilot)
        await pilot.press("enter")
        await stage.look(pilot, 2)
        now = stage.app.snapshot.reading.director.pools[service.key]
        assert (now.service.name, now.service.probe) == (service.name, service.probe)
        assert [(one.endpoint, one.weight, one.name) for one in now.servers.values()] == [
            (kept.endpoint, 77, kept.name)
        ]


def _option(text: str) -> str:
    protocol, _, rest = text.partition(":")
    return f"-{protocol[0]} {rest}"
