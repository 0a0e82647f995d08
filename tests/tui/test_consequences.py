"""What an edit does to clients stands above it, and F adds the flag that avoids it."""

from __future__ import annotations

from textual.widgets import Static

from lvstui.core.change import change_service, set_weight
from lvstui.core.entries.request import Spread
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import ServerKey, Service, ServiceFlags
from lvstui.engine.messages import Edit
from lvstui.tui.dialogs.advice import AdviceScreen
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.entries import EntryDialog
from lvstui.tui.dialogs.listing import Listing, PastEdit
from lvstui.tui.widgets.lines import Chunks
from lvstui.tui.widgets.table import VirtualTable
from tests.build import SHOP, endpoint
from tests.tui.conftest import Stage
from tests.tui.test_services import message, staged, until


def hash_clients(stage: Stage) -> ServerKey:
    """Have the service choose by the client's address; return one of its servers."""
    held = stage.director.pools[SHOP]
    stage.kernel.write(change_service(held.service, Service(SHOP, "sh")))
    return ServerKey(SHOP, next(end for end, server in held.servers.items() if server.weight))


async def test_a_drain_under_sh_says_who_is_refused_and_a_key_stages_the_flag_first(stage: Stage) -> None:
    key = hash_clients(stage)
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(key)
        await pilot.press("d")
        assert "of the clients will be refused: sh goes on choosing" in staged(stage)
        assert "the flag sh-fallback avoids that: F adds it" in staged(stage)
        await pilot.press("F")
        assert "refused" not in staged(stage)
        assert staged(stage).index("sh-fallback") < staged(stage).index("-w 0")
        await pilot.press("enter")
        await stage.look(pilot)
    held = stage.director.pools[SHOP]
    assert (held.servers[key.endpoint].weight, held.service.flags) == (0, ServiceFlags.SCHED_1)


async def test_the_undo_of_a_restore_refuses_clients_too_and_stays_what_it_is(stage: Stage) -> None:
    key = hash_clients(stage)
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(key)
        for keys in (("d", "enter"), ("d", "enter"), ("z",)):
            await pilot.press(*keys)
            await stage.look(pilot)
        assert "of the clients will be refused" in staged(stage)
        assert "F adds it" not in staged(stage)


async def test_there_is_no_flag_to_add_to_other_edits(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        await pilot.press("down", "plus", "F")
        await pilot.pause()
        assert "nothing is staged that a flag keeps from refusing clients" in message(stage)


async def test_the_question_before_a_deletion_names_the_connections_that_break(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("delete")
        question = stage.app.screen
        assert isinstance(question, Confirm)
        text = str(question.query_one(Chunks).query_one("Static").render())
        assert "connections will break (" in text
        assert "as expire_nodest_conn is 0" in text


async def test_the_advice_drains_a_silent_server_and_moves_its_clients_away(stage: Stage) -> None:
    key = ServerKey(SHOP, endpoint("10.0.0.12:443"))
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot, 3)
        stage.kernel.afflict(key, Trouble.SILENT)
        await stage.look(pilot, 12)
        assert "1 silent" in stage.shown("head")
        stage.view.table.move_to(key)
        await pilot.press("i")
        screen = stage.app.screen
        assert isinstance(screen, AdviceScreen)
        assert "web2 (10.0.0.12:443) is silent" in screen.chosen.sentence
        assert "wlc" in screen.chosen.reason
        await pilot.press("enter")
        assert "weight 3 -> 0" in staged(stage)
        assert "then move the clients of shop from web2 (10.0.0.12:443) to the others, by weight" in staged(stage)
        held = stage.kernel.read().servers[SHOP][key.endpoint].sticky
        assert held
        await pilot.press("enter")
        await stage.look(pilot)
        assert stage.director.pools[SHOP].servers[key.endpoint].weight == 0
        for _ in range(300):  # each client is reported by itself
            stage.app.worker.step(0)
        await until(pilot, lambda: isinstance(stage.app.screen, Listing))
        assert "done" in str(stage.app.screen.query_one(Chunks).query_one("Static").render())
        assert not stage.view.busy
        await pilot.press("escape", "z")
        assert isinstance(stage.app.screen, PastEdit), "what was done last is the move"
        await pilot.press("z")
        await pilot.pause()
        assert "weight 0 -> 3" in staged(stage)
        assert "the clients of shop that were moved from web2 (10.0.0.12:443) stay where they are now" in staged(stage)
        await pilot.press("enter")
        await stage.look(pilot)
        assert not stage.view.snapshot.emptied
        await pilot.press("Z")
        assert "moved" not in staged(stage)
    moved = stage.kernel.read().servers[SHOP][key.endpoint].sticky
    assert moved is not None
    assert moved < held


async def test_a_move_offers_the_silent_server_last(stage: Stage) -> None:
    key = ServerKey(SHOP, endpoint("10.0.0.12:443"))
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot, 3)
        stage.kernel.afflict(key, Trouble.SILENT)
        await stage.look(pilot, 12)
        stage.view.table.move_to(ServerKey(SHOP, endpoint("10.0.0.11:443")))
        await pilot.press("M")
        await stage.look(pilot, 2)
        await until(pilot, lambda: isinstance(stage.app.screen, EntryDialog))
        table = stage.app.screen.query_one(VirtualTable)
        assert str(table.cursor_key) == str(Spread.BY_WEIGHT)
        await pilot.press("end")
        assert table.cursor_key == key.endpoint
        await pilot.pause()
        said = str(stage.app.screen.query_one("#effect", Static).content)
        assert "web2 (10.0.0.12:443) is silent: its clients are not served there" in said


async def test_esc_stops_moves_of_clients_in_whichever_view_they_are_seen(stage: Stage) -> None:
    key = ServerKey(SHOP, endpoint("10.0.0.12:443"))
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        drain = set_weight(SHOP, stage.director.pools[SHOP].servers[key.endpoint], 0)
        assert drain is not None
        stage.view.stage(Edit((drain,), empties=(key,)))
        await pilot.press("enter")
        await stage.look(pilot)
        await pilot.press("4", "escape")
        await pilot.pause()
        assert "stopping after the current entries" in message(stage)
        for _ in range(300):
            stage.app.worker.step(0)
        await until(pilot, lambda: isinstance(stage.app.screen, Listing))
        assert not any(view.busy for view in stage.app.views.values())
