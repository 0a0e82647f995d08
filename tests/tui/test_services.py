"""The services view, driven by keys on the memory kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address
from time import monotonic

from textual.pilot import Pilot
from textual.widgets import Button, Static

from lvstui.core.change import change_server, change_service
from lvstui.core.model import AddressKey, Endpoint, Family, MarkKey, RealServer, ServerKey, Service
from lvstui.core.observed import Reading
from lvstui.core.services.row import ServiceLook
from lvstui.core.services.rows import rows
from lvstui.core.snapshot import Host
from lvstui.core.view.table import Tone
from lvstui.engine.options import Options
from lvstui.formats.profile.write import loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NoIpvs
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.confirm import Confirm
from lvstui.tui.dialogs.help import Help
from lvstui.tui.dialogs.palette import Palette
from lvstui.tui.faults import FAILED
from lvstui.tui.widgets.table import VirtualTable
from tests.tui.conftest import Stage

MARK = MarkKey(80, Family.IPV4)


def first_server(stage: Stage) -> tuple[ServerKey, RealServer]:
    """The first real server of the table, as the kernel holds it."""
    assert stage.app.snapshot is not None
    key = next(key for key in rows(stage.app.snapshot, ServiceLook()) if isinstance(key, ServerKey))
    return key, held(stage, key)


def held(stage: Stage, key: ServerKey) -> RealServer:
    return stage.kernel.read().director.pools[key.service].servers[key.endpoint]


async def until(pilot: Pilot[int] | Pilot[None], reached: Callable[[], bool]) -> None:
    """Let the app work until something is true; fails after a minute."""
    deadline = monotonic() + 60.0
    while not reached():
        assert monotonic() < deadline, "never reached"
        await pilot.pause(0.01)


def staged(stage: Stage) -> str:
    return str(stage.view.query_one("#staged", Static).content)


def message(stage: Stage) -> str:
    return str(stage.app.query_one("#message", Static).content)


def head(stage: Stage) -> str:
    return str(stage.app.query_one("#head", Static).content)


async def test_plus_stages_and_only_enter_writes(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("plus", "plus")
        assert "Enter applies" in staged(stage)
        assert f"-w {server.weight + 2}" in staged(stage)
        await stage.look(pilot)
        assert held(stage, key) == server
        await pilot.press("enter")
        await stage.look(pilot)
        assert held(stage, key) == replace(server, weight=server.weight + 2)
        saved = loads(stage.profile.read_text(), "profile").pools[key.service].servers[key.endpoint]
        assert saved.weight == server.weight + 2
        assert message(stage).startswith("done: ")
        assert not stage.view.pending


async def test_an_error_that_nobody_foresaw_ends_the_program_instead_of_leaving_it_blind() -> None:
    class Broken(MemoryKernel):
        def read(self) -> Reading:
            raise RuntimeError("unforeseen")

    app = LvstuiApp(Options(Broken(), None), host=lambda: Host("lb1"))
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == FAILED
    assert "RuntimeError: unforeseen" in str(app.faults.fatal)


async def test_z_stages_the_undo_and_enter_applies_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("plus", "enter")
        await stage.look(pilot)
        await pilot.press("z")
        assert "undo: Enter applies" in staged(stage)
        assert held(stage, key).weight == server.weight + 1
        await pilot.press("enter")
        await stage.look(pilot)
        assert held(stage, key) == server
        await pilot.press("Z", "enter")
        await stage.look(pilot)
        assert held(stage, key).weight == server.weight + 1


async def test_escape_drops_what_is_staged(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("plus", "escape", "enter", "escape")
        await stage.look(pilot)
        assert held(stage, key) == server
        assert not stage.view.pending


async def test_a_weight_can_be_typed_and_a_wrong_one_is_said_at_once(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("W", "x")
        assert "whole number" in str(stage.view.query_one("#wrong", Static).content)
        await pilot.press("enter")
        assert not stage.view.pending
        await pilot.press("backspace", *["backspace"] * 9, "4", "2", "enter")
        assert f"weight {server.weight} -> 42" in staged(stage)
        await pilot.press("enter")
        await stage.look(pilot)
        assert held(stage, key).weight == 42


async def test_a_drained_server_comes_back_with_the_weight_it_had(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("plus", "plus", "plus", "enter")
        await stage.look(pilot)
        await pilot.press("d", "enter")
        await stage.look(pilot)
        assert held(stage, key).weight == 0
        await pilot.press("d", "enter")
        await stage.look(pilot)
        assert held(stage, key).weight == server.weight + 3


async def test_a_drained_server_says_in_eighty_columns_what_is_left_and_until_when(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot, 5)
        assert stage.app.snapshot is not None
        reading = stage.app.snapshot.reading
        key = next(
            key
            for key in rows(stage.app.snapshot, ServiceLook())
            if isinstance(key, ServerKey) and reading.servers[key.service][key.endpoint].sticky
        )
        assert stage.view.table.move_to(key)
        await pilot.press("d", "enter")
        await stage.look(pilot)
        assert message(stage).startswith("done: ")
        await stage.look(pilot, 4)
        sentence = message(stage)
        assert "sticky left; M moves them; clients return, entries last " in sentence
        assert len(sentence) <= 78
        await stage.look(pilot, 20)
        assert message(stage) != sentence, "what is left is counted on"
        stage.view.say("not done: no right", Tone.BAD)
        await stage.look(pilot, 20)
        assert message(stage) == "not done: no right"
        await pilot.press("down", "up")
        await pilot.pause()
        assert "sticky left" in message(stage)


async def test_delete_asks_with_cancel_in_focus(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("delete")
        assert isinstance(stage.app.screen, Confirm)
        assert isinstance(stage.app.focused, Button)
        assert stage.app.focused.id == "cancel"
        await pilot.press("enter")
        await stage.look(pilot)
        assert held(stage, key) == server


async def test_delete_removes_the_server_it_named_though_rows_moved_meanwhile(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, _ = first_server(stage)
        await pilot.press("s")  # by address
        stage.view.table.move_to(key)
        await pilot.press("delete")
        earlier = RealServer(Endpoint(IPv6Address("fd00::"), key.endpoint.port))
        stage.kernel.write(change_server(key.service, None, earlier))
        await stage.look(pilot)
        await pilot.press("right", "enter")
        await stage.look(pilot)
        servers = stage.kernel.read().director.pools[key.service].servers
        assert key.endpoint not in servers
        assert earlier.endpoint in servers


async def test_a_service_is_deleted_only_once_its_name_is_typed(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key = first_server(stage)[0].service
        stage.view.table.move_to(key)
        await pilot.press("delete")
        dialog = stage.app.screen
        assert isinstance(dialog, Confirm)
        assert dialog.query_one("#go", Button).disabled
        await pilot.press("escape")
        assert key in stage.kernel.read().director.pools


async def test_the_cursor_stays_on_its_server_when_rows_appear_and_go(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, _ = first_server(stage)
        stage.view.table.move_to(key)
        assert isinstance(key.service, AddressKey)
        stage.kernel.write(change_service(None, Service(key.service._replace(port=1), "rr")))
        await stage.look(pilot)
        assert stage.view.table.cursor_key == key


async def test_an_edit_that_somebody_else_overtook_is_not_written(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("plus")
        stage.kernel.write(change_server(key.service, server, replace(server, weight=77)))
        await stage.look(pilot)
        await pilot.press("enter")
        await stage.look(pilot)
        assert held(stage, key).weight == 77
        assert "nothing written" in message(stage)
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("right", "enter")
        await stage.look(pilot)
        assert held(stage, key).weight == server.weight + 1


async def test_help_lists_the_keys_and_closes(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 40)) as pilot:
        await stage.look(pilot)
        await pilot.press("question_mark")
        assert isinstance(stage.app.screen, Help)
        await pilot.press("escape")
        assert not isinstance(stage.app.screen, Help)


async def test_q_leaves_but_asks_while_something_is_staged(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(first_server(stage)[0])
        await pilot.press("plus", "q")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("escape", "escape", "q")
    assert stage.app.return_value == 0


async def test_the_filter_narrows_while_typing_and_escape_takes_it_off(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, _ = first_server(stage)
        await pilot.press("slash", *"mark")
        assert stage.view.table.cursor_key == MARK
        assert "filter mark" in head(stage)
        await pilot.press("enter", "escape")
        assert stage.view.table.move_to(key)


async def test_a_folded_service_shows_one_row_and_f_unfolds_all(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, _ = first_server(stage)
        stage.view.table.move_to(key)
        await pilot.press("left")
        assert stage.view.table.cursor_key == key.service
        assert not stage.view.table.move_to(key)
        await pilot.press("f")
        assert stage.view.table.move_to(key)


async def test_read_only_says_why_and_stages_nothing(stage: Stage) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(first_server(stage)[0])
        for key in ("plus", "d", "W", "delete", "z"):
            await pilot.press(key)
            assert not stage.view.pending
            assert "--read-only" in message(stage)
            assert not isinstance(stage.app.screen, Confirm)
        assert "read-only" in head(stage)


async def test_w_takes_the_drift_into_the_profile_after_asking(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, server = first_server(stage)
        stage.kernel.write(change_server(key.service, server, replace(server, weight=9)))
        await stage.look(pilot)
        assert "1 differs" in head(stage)
        await pilot.press("w")
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("right", "enter")
        await stage.look(pilot)
        saved = loads(stage.profile.read_text(), "profile").pools[key.service].servers[key.endpoint]
        assert saved.weight == 9
        assert saved.name
        assert "saved" in head(stage)


async def test_the_palette_finds_a_command_and_runs_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        key, _ = first_server(stage)
        await pilot.press("colon", *"fold.all")
        assert isinstance(stage.app.screen, Palette)
        found = stage.app.screen.query_one(VirtualTable)
        assert len(found.selection.keys) == 1
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(stage.app.screen, Palette))
        await until(pilot, lambda: not stage.view.table.move_to(key))


async def test_pausing_stops_the_reading_and_says_so(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        await pilot.press("p")
        await stage.look(pilot)
        assert "paused" in head(stage)


async def test_hostile_names_are_shown_and_never_obeyed(stage: Stage) -> None:
    async with stage.app.run_test(size=(160, 30)) as pilot:
        await stage.look(pilot)
        key, _ = first_server(stage)
        stage.rename(key, "[b]\x1b[2J")
        await stage.look(pilot)
        stage.view.table.move_to(key)
        await pilot.press("plus")
        assert "[b]\\x1b[2J" in staged(stage)
        await pilot.press("escape", "delete")
        assert isinstance(stage.app.screen, Confirm)


async def test_what_happens_behind_a_dialog_is_said_and_does_not_disturb_it(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(first_server(stage)[0])
        await pilot.press("delete")
        stage.kernel.failure = NoIpvs("gone: run `modprobe ip_vs`")
        await stage.look(pilot)
        assert isinstance(stage.app.screen, Confirm)
        await pilot.press("escape")
        assert "modprobe ip_vs" in message(stage)
        assert "read 1 s ago" in head(stage)
        stage.kernel.failure = None
        await stage.look(pilot)
        assert "answers again" in message(stage)
        assert "read 1 s ago" not in head(stage)


async def test_what_a_view_said_of_a_row_before_it_was_left_is_not_shown_over_the_next_one(stage: Stage) -> None:
    async with stage.app.run_test() as pilot:
        await stage.look(pilot)
        services = stage.view
        await pilot.press("3")
        await pilot.pause()
        services.say("note of shop: ask first", standing=True)
        await pilot.pause()
        assert message(stage) == ""
        services.say("done: weight 3 -> 0")
        await pilot.pause()
        assert message(stage) == "done: weight 3 -> 0"
