"""What an edit does to clients stands above it, and F adds the flag that avoids it."""

from __future__ import annotations

from lvstui.core.change import change_service
from lvstui.core.model import ServerKey, Service, ServiceFlags
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.widgets.lines import Chunks
from tests.build import SHOP
from tests.tui.conftest import Stage
from tests.tui.test_services import message, staged


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
        await pilot.press("0")
        assert "of the clients will be refused: sh goes on choosing" in staged(stage)
        assert "the flag sh-fallback avoids that: F adds it" in staged(stage)
        await pilot.press("F")
        assert "refused" not in staged(stage)
        assert staged(stage).index("sh-fallback") < staged(stage).index("-w 0")
        await pilot.press("enter")
        await stage.look(pilot)
    held = stage.director.pools[SHOP]
    assert (held.servers[key.endpoint].weight, held.service.flags) == (0, ServiceFlags.SCHED_1)


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
