"""The director view, driven by keys on the memory kernel."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.director.rows import DirectorRow, Part
from lvstui.core.model import ServerKey, SyncRole, Timeouts
from lvstui.core.record import Owner
from lvstui.engine.options import Options
from lvstui.formats.profile.write import loads
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.views.director import DirectorView
from lvstui.tui.widgets.detail import Detail
from lvstui.tui.widgets.lines import Keys
from tests.tui.conftest import Stage


def view(stage: Stage) -> DirectorView:
    return stage.app.query_one(DirectorView)


async def opened(stage: Stage, pilot: Pilot[int], row: DirectorRow) -> DirectorView:
    """Go to the director view, to one row of it."""
    await stage.look(pilot)
    await pilot.press("5")
    assert view(stage).table.move_to(row)
    await pilot.pause()
    return view(stage)


def shown(stage: Stage, name: str) -> str:
    return str(view(stage).query_one(name, Static).content)


def message(stage: Stage) -> str:
    return str(stage.app.query_one("#message", Static).content)


def keys(stage: Stage) -> str:
    return str(stage.app.query_one("#keys", Static).content)


def off(stage: Stage) -> tuple[str, ...]:
    """Return the words of keys that are shown dim."""
    return stage.app.query_one("#keys", Keys).off


def asked(stage: Stage) -> bool:
    return isinstance(stage.app.screen, Confirm)


async def answer(pilot: Pilot[int], text: str) -> None:
    """Answer the prompt with a text in place of what stands there."""
    await pilot.press("home", "ctrl+k", *text, "enter")
    await pilot.pause()


async def test_a_timeout_is_edited_in_place_and_lands_in_kernel_and_profile(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.TIMEOUTS, "tcp"))
        await pilot.press("e")
        await answer(pilot, "600")
        assert "timeouts: tcp 900s -> 600s" in shown(stage, "#staged")
        view(stage).table.move_to(DirectorRow(Part.TIMEOUTS, "udp"))
        await pilot.press("e")
        await answer(pilot, "30")
        assert "ipvsadm --set 600 120 30" in shown(stage, "#staged")
        assert stage.kernel.read().director.timeouts == Timeouts()
        await pilot.press("enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.timeouts == Timeouts(600, 120, 30)
        assert loads(stage.profile.read_text(), "profile").timeouts == Timeouts(600, 120, 30)
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.timeouts == Timeouts()


async def test_a_wrong_value_is_said_while_it_is_typed_and_not_taken(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.SYSCTL, "expire_nodest_conn"))
        await pilot.press("e")
        await answer(pilot, "maybe")
        assert "must be 0 or 1" in shown(stage, "#wrong")
        assert not view(stage).pending
        await pilot.press("escape")
        assert view(stage).table.has_focus


async def test_an_empty_prompt_complains_when_it_is_answered_and_not_before(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.SYSCTL, "expire_nodest_conn"))
        await pilot.press("e", "escape")
        view(stage).table.move_to(DirectorRow(Part.SYNC, "master"))
        await pilot.press("e")
        assert shown(stage, "#wrong") == ""
        await pilot.press("enter")
        assert "must be" in shown(stage, "#wrong")
        assert not view(stage).pending


async def test_a_setting_is_saved_once_it_is_set_and_let_go_again(stage: Stage) -> None:
    row = DirectorRow(Part.SYSCTL, "expire_nodest_conn")
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, row)
        assert "removed server" in shown(stage, "#sentence")
        assert "\nIt touches " in shown(stage, "#sentence")
        assert "x unmanage" not in keys(stage) or "x unmanage" in off(stage)
        await pilot.press("x")
        assert "not in the profile" in stage.shown("message")
        await pilot.press("e")
        await answer(pilot, "1")
        await pilot.press("enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.sysctl["expire_nodest_conn"] == "1"
        assert loads(stage.profile.read_text(), "profile").sysctl == {"expire_nodest_conn": "1"}
        assert "x unmanage" in keys(stage)
        assert "x unmanage" not in off(stage)
        await pilot.press("x", "enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.sysctl["expire_nodest_conn"] == "1"
        assert loads(stage.profile.read_text(), "profile").sysctl == {}
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert loads(stage.profile.read_text(), "profile").sysctl == {"expire_nodest_conn": "1"}


async def test_the_same_value_again_puts_a_setting_into_the_profile(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.SYSCTL, "conntrack"))
        await pilot.press("e", "enter", "enter")
        await stage.look(pilot)
        assert loads(stage.profile.read_text(), "profile").sysctl == {"conntrack": "0"}
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert loads(stage.profile.read_text(), "profile").sysctl == {}
        await pilot.press("Z", "enter")
        await stage.look(pilot)
        assert loads(stage.profile.read_text(), "profile").sysctl == {"conntrack": "0"}
        await pilot.press("e", "enter")
        assert not view(stage).pending
        await pilot.pause()
        assert message(stage) == "it already has this value"


async def test_a_daemon_is_started_with_its_options_changed_and_stopped(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.SYNC, "backup"))
        await pilot.press("a")
        await answer(pilot, "eth1")
        assert view(stage).table.move_to(DirectorRow(Part.SYNC, "backup.id"))
        await pilot.press("e")
        await answer(pilot, "9")
        assert "--start-daemon backup --mcast-interface eth1 --syncid 9" in shown(stage, "#staged")
        await pilot.press("enter")
        await stage.look(pilot)
        daemons = stage.kernel.read().director.sync or {}
        assert [(d.role, d.interface, d.id) for d in daemons.values()] == [(SyncRole.BACKUP, "eth1", 9)]
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.sync == {}
        await pilot.press("Z", "enter")
        await stage.look(pilot)
        assert view(stage).table.move_to(DirectorRow(Part.SYNC, "backup"))
        await pilot.press("delete")
        assert asked(stage)
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.sync == {}


async def test_an_interface_that_is_not_there_is_said_at_the_prompt_and_nothing_is_staged(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.SYNC, "backup"))
        await pilot.press("a")
        assert shown(stage, "#label") == "start the backup on interface (eth0 eth1 lo)"
        await answer(pilot, "ethX")
        assert shown(stage, "#wrong") == "no ethX here: eth0 eth1 lo"
        assert not view(stage).pending
        await answer(pilot, "eth1")
        assert "--start-daemon backup --mcast-interface eth1" in shown(stage, "#staged")


async def test_the_cursor_may_rest_on_every_heading(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        for part in (Part.TABLE, Part.TIMEOUTS, Part.SYNC, Part.HOST, Part.SYSCTL):
            await opened(stage, pilot, DirectorRow(part))
            assert "a start" in keys(stage)
            assert "Del stop" not in keys(stage) or "Del stop" in off(stage)


async def test_read_only_says_so_before_it_asks(stage: Stage) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.TIMEOUTS, "tcp"))
        await pilot.press("e")
        await pilot.pause()
        assert "read-only" in message(stage)
        assert not view(stage).prompt.has_class("asking")


async def test_rows_can_be_filtered_and_folded(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await opened(stage, pilot, DirectorRow(Part.SYSCTL, "conntrack"))
        await pilot.press("left")
        assert view(stage).table.cursor_key == DirectorRow(Part.SYSCTL)
        assert not view(stage).table.move_to(DirectorRow(Part.SYSCTL, "conntrack"))
        await pilot.press("right")
        assert view(stage).table.move_to(DirectorRow(Part.SYSCTL, "conntrack"))
        await pilot.press("slash", *"nodest", "enter")
        assert not view(stage).table.move_to(DirectorRow(Part.SYSCTL, "conntrack"))
        assert view(stage).bearings.filter == "nodest"
        await pilot.press("escape")
        assert view(stage).table.move_to(DirectorRow(Part.SYSCTL, "conntrack"))


async def test_what_another_program_manages_is_edited_after_one_warning(stage: Stage) -> None:
    service = next(iter(stage.kernel.read().director.pools))
    owner = Owner("keepalived", 7, services=frozenset({service}))
    options = Options(stage.kernel, ProfileFile(stage.profile), owners=lambda: (owner,))
    stage.app = LvstuiApp(options, threaded=False)
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        assert "keepalived" in str(stage.app.query_one("#head", Static).content)
        pool = stage.kernel.read().director.pools[service]
        server = next(iter(pool.servers.values()))
        assert stage.view.table.move_to(ServerKey(service, server.endpoint))
        await pilot.press("plus", "enter")
        await pilot.pause()
        assert asked(stage)
        await pilot.press("escape")
        await stage.look(pilot)
        assert stage.kernel.read().director.pools[service].servers[server.endpoint] == server
        assert stage.view.pending
        await pilot.press("enter")
        await pilot.pause()
        await pilot.press("right", "enter")
        await stage.look(pilot)
        heavier = replace(server, weight=server.weight + 1)
        assert stage.kernel.read().director.pools[service].servers[server.endpoint] == heavier
        await pilot.press("minus", "enter")
        await stage.look(pilot)
        assert not asked(stage)
        assert stage.kernel.read().director.pools[service].servers[server.endpoint] == server


def is_there(panel: Detail) -> bool:
    return panel.display


async def test_enter_shows_the_detail_of_a_row_over_the_table_and_e_edits_from_there(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        shown_view = await opened(stage, pilot, DirectorRow(Part.SYSCTL, "expire_nodest_conn"))
        panel = shown_view.body.detail
        await pilot.press("enter")
        await pilot.pause()
        assert is_there(panel)
        assert "expire_nodest_conn" in panel.render_line(0).text
        await pilot.press("e")
        assert shown_view.prompt.asking
        await pilot.press("escape", "escape")
        assert not is_there(panel)
        assert shown_view.table.has_focus


async def test_rows_free_below_folded_parts_show_charts_of_the_whole_director(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 48)) as pilot:
        shown_view = await opened(stage, pilot, DirectorRow(Part.SYSCTL))
        whole = shown_view.query(Detail).first()
        assert not is_there(whole)
        for part in Part:
            if shown_view.table.move_to(DirectorRow(part)):
                await pilot.press("left")
        await pilot.pause()
        assert is_there(whole)
        assert "connections/s and bytes/s out" in whole.render_line(0).text
