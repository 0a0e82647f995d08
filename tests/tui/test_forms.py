"""Forms and one-line prompts of the services view, filled in by keys on the memory kernel."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from lvstui.core.change import change_server
from lvstui.core.fields import server, service
from lvstui.core.model import Director, Forwarding, Pool, Probe, ProbeType, RealServer, ServerKey, Service, Statuses
from lvstui.engine.options import Options
from lvstui.formats.profile.write import loads
from lvstui.store.profile_file import ProfileFile
from lvstui.tui.app import LvstuiApp
from lvstui.tui.dialogs.form import FormScreen
from tests.build import remove_services
from tests.tui.conftest import Stage

SHOP = service("tcp:192.0.2.10:443")
WEB1 = ServerKey(SHOP, server("10.0.0.11:443"))


def pool(stage: Stage) -> Pool:
    return stage.kernel.read().director.pools[SHOP]


def held(stage: Stage) -> RealServer:
    return pool(stage).servers[WEB1.endpoint]


def saved(stage: Stage) -> Pool:
    return loads(stage.profile.read_text(), "profile").pools[SHOP]


def staged(stage: Stage) -> str:
    return str(stage.view.query_one("#staged", Static).content)


def message(stage: Stage) -> str:
    return str(stage.app.query_one("#message", Static).content)


def form(stage: Stage) -> FormScreen:
    assert isinstance(stage.app.screen, FormScreen)
    return stage.app.screen


def screen(stage: Stage) -> str:
    """The text of the whole screen."""
    strips = stage.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def write(pilot: Pilot[int], text: str) -> None:
    await pilot.press(*text)


async def fill(pilot: Pilot[int], stage: Stage, **values: str) -> None:
    """Go to fields by Tab and write into them."""
    for name, text in values.items():
        while form(stage).current != name.replace("__", "."):
            await pilot.press("tab")
        await write(pilot, text)


async def open_on(pilot: Pilot[int], stage: Stage, row: ServerKey, key: str) -> None:
    await stage.look(pilot)
    stage.view.table.move_to(row)
    await pilot.press(key)


async def test_a_server_is_edited_in_a_form_and_written_only_by_enter(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        before = held(stage)
        await fill(pilot, stage, weight="7", upper="5000", name="first")
        await pilot.press("ctrl+s")
        assert "weight 3 -> 7, upper 4000 -> 5000" in staged(stage)
        assert "-w 7 -x 5000 -y 3000" in staged(stage)
        await stage.look(pilot)
        assert held(stage) == before
        await pilot.press("enter")
        await stage.look(pilot)
        assert held(stage) == replace(before, weight=7, upper=5000)
        assert saved(stage).servers[WEB1.endpoint].name == "first"
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert held(stage) == before


async def test_enter_goes_through_the_fields_and_on_to_the_button_that_accepts(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        await pilot.press("enter", "enter", "enter")
        await write(pilot, "9")
        await pilot.press("enter", "enter", "enter")
        assert form(stage).current == "name"
        await pilot.press("enter")
        assert not stage.view.pending
        await pilot.press("enter")
        assert "weight 3 -> 9" in staged(stage)


async def test_what_is_wrong_is_said_at_the_field_and_nothing_is_accepted(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        await fill(pilot, stage, lower="9999")
        row = next(line for line in screen(stage).splitlines() if "lower" in line)
        assert "9999 is above the upper threshold" in row
        await pilot.press("up", "ctrl+s")
        assert form(stage).current == "lower"
        await pilot.press("escape")
        assert not stage.view.pending
        assert stage.view.table.has_focus


async def test_what_is_only_unwise_is_said_and_accepted(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        await fill(pilot, stage, port="8443", forwarding="r")
        assert "route cannot change the port" in screen(stage)
        await pilot.press("ctrl+s")
        assert "+ tcp:192.0.2.10:443 / 10.0.0.11:8443 web1: forwarding route" in staged(stage)


async def test_a_form_left_as_it_was_stages_nothing(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        await pilot.press("ctrl+s")
        assert not stage.view.pending
        assert message(stage) == "nothing changed"


async def test_another_port_of_a_service_is_a_new_service_and_can_be_taken_back(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        before = stage.kernel.read().director.pools
        stage.view.table.move_to(SHOP)
        await pilot.press("e")
        await fill(pilot, stage, port="8443")
        assert "a new service with its 4 servers; tcp:192.0.2.10:443" in " ".join(screen(stage).split()).replace(
            "│ │ ", ""
        )
        await pilot.press("ctrl+s", "enter")
        await stage.look(pilot)
        after = stage.kernel.read().director.pools
        moved = service("tcp:192.0.2.10:8443")
        assert SHOP not in after
        assert after[moved] == Pool(replace(before[SHOP].service, key=moved), before[SHOP].servers)
        assert loads(stage.profile.read_text(), "profile").pools[moved].service.name == "shop"
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert stage.kernel.read().director.pools == before


async def test_an_empty_table_offers_to_add_a_service_and_then_servers(stage: Stage) -> None:
    remove_services(stage.kernel)
    ProfileFile(stage.profile).update(lambda _: Director())
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        assert "A add service" in screen(stage).splitlines()[-1]
        await pilot.press("A")
        await fill(pilot, stage, address="192.0.2.10", port="443", scheduler="rr", name="shop")
        await pilot.press("ctrl+s", "enter")
        await stage.look(pilot)
        await pilot.press("a")
        await fill(pilot, stage, address="10.0.0.11", forwarding="m", weight="4", name="web1")
        await pilot.press("ctrl+s", "enter")
        await stage.look(pilot)
        assert held(stage) == RealServer(WEB1.endpoint, Forwarding.MASQ, 4)
        assert saved(stage).service == Service(SHOP, "rr", name="shop")
        assert saved(stage).servers[WEB1.endpoint].name == "web1"


async def test_the_cursor_goes_to_the_row_that_was_added_unless_it_was_moved_meanwhile(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        for number, moves in ((80, ()), (81, ("up",))):
            await open_on(pilot, stage, WEB1, "A")
            await fill(pilot, stage, address="192.0.2.99", port=str(number))
            await pilot.press("ctrl+s", "enter", *moves)
            before = stage.view.table.cursor_key
            await stage.look(pilot)
            added = service(f"tcp:192.0.2.99:{number}")
            assert added in stage.kernel.read().director.pools
            assert stage.view.table.cursor_key == (before if moves else added)


async def test_what_others_changed_while_the_form_was_open_is_not_overwritten(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        theirs = replace(held(stage), weight=50)
        stage.kernel.write(change_server(SHOP, held(stage), theirs))
        await stage.look(pilot)
        await fill(pilot, stage, weight="7")
        await pilot.press("ctrl+s", "enter")
        await stage.look(pilot)
        assert held(stage) == theirs
        assert "somebody else changed it meanwhile" in screen(stage)


async def test_a_field_that_is_still_empty_is_not_called_wrong_before_the_end(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "A")
        assert "needed" not in screen(stage)
        await pilot.press("ctrl+s")
        assert screen(stage).count("is needed") == 2
        assert form(stage).current == "address"


async def test_the_largest_form_fits_a_small_screen(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "A")
        await fill(pilot, stage, address="192.0.2.77", port="0", scheduler="sh", persistence="y", timeout="9999999")
        await fill(pilot, stage, mask="255.0.255.0", engine="sip", note="the last line")
        shown = screen(stage).splitlines()
        assert any("Enter next" in line for line in shown)
        assert any("the last line" in line for line in shown)


async def test_how_servers_are_asked_is_filled_in_below_the_type_even_on_a_small_screen(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("e")
        await fill(pilot, stage, probe="h", probe__path="/x")
        assert "200-399" in screen(stage)
        await fill(pilot, stage, probe__status="200", probe__timeout="0.5")
        assert any("timeout" in line and "0.5" in line for line in screen(stage).splitlines())
        await pilot.press("ctrl+s", "enter")
        await stage.look(pilot)
        probe = Probe(ProbeType.HTTP, path="/x", status=(Statuses(200, 200),), timeout=0.5)
        assert saved(stage).service.probe == probe
        assert pool(stage).service.probe is None, "the kernel knows nothing of it"
        await pilot.press("z", "enter")
        await stage.look(pilot)
        assert saved(stage).service.probe is None


async def test_keys_that_come_in_a_burst_do_what_they_say(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        keys = ["tab", "tab", "t", "tab", "7", "8", "backspace", "9", "home", "1", "tab", "tab", "tab", "g", "tab", "6"]
        for key in keys:
            stage.app.post_message(events.Key(key, key if len(key) == 1 else None))
        deadline = monotonic() + 60.0
        while form(stage).values["tunnel.port"] != "6" and monotonic() < deadline:
            await pilot.pause()
        values = form(stage).values
        assert values["forwarding"] == "tunnel"
        assert values["weight"] == "179"
        assert (values["tunnel.type"], values["tunnel.port"]) == ("gue", "6")


async def test_a_word_is_chosen_by_typing_it_by_space_and_by_the_arrows(stage: Stage) -> None:
    async with stage.app.run_test(size=(80, 24)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        await fill(pilot, stage, forwarding="tunnel", tunnel__type="gre")
        assert form(stage).values["tunnel.type"] == "gre"
        await pilot.press("left")
        assert form(stage).values["tunnel.type"] == "gue"
        await pilot.press("g")
        assert form(stage).values["tunnel.type"] == "gre"
        await pilot.press("space")
        assert form(stage).values["tunnel.type"] == "ipip"
        await pilot.press("x", "backspace")
        assert form(stage).values["tunnel.type"] == "ipip"


async def test_single_values_are_asked_in_a_line_and_become_one_change_an_object(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await open_on(pilot, stage, WEB1, "greater_than_sign")
        await write(pilot, "50")
        await pilot.press("enter")
        assert not stage.view.pending, "lower would be above it"
        await pilot.press("escape", "less_than_sign")
        await write(pilot, "20")
        await pilot.press("enter", "greater_than_sign")
        await write(pilot, "50")
        await pilot.press("enter", "L")
        await write(pilot, "first")
        await pilot.press("enter", "plus", "percent_sign")
        assert message(stage).startswith("schedulers here: dh fo")
        await write(pilot, "rr")
        await pilot.press("enter", "t")
        await write(pilot, "60")
        await pilot.press("enter", "number_sign")
        await write(pilot, "night shift")
        await pilot.press("enter")
        assert len(stage.view.staged.changes) == 2
        await pilot.press("enter")
        await stage.look(pilot)
        now = saved(stage)
        assert now.servers[WEB1.endpoint] == replace(held(stage), name="first")
        assert (held(stage).upper, held(stage).lower, held(stage).weight) == (50, 20, 4)
        assert (now.service.scheduler, now.service.note) == ("rr", "night shift")
        assert now.service.persistence is not None
        assert (now.service.persistence.timeout, now.service.persistence.prefix) == (60, 24)


async def test_timeout_zero_ends_persistence(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await open_on(pilot, stage, WEB1, "t")
        await write(pilot, "0")
        await pilot.press("enter", "enter")
        await stage.look(pilot)
        assert pool(stage).service.persistence is None


async def test_a_service_has_no_threshold(stage: Stage) -> None:
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await stage.look(pilot)
        stage.view.table.move_to(SHOP)
        await pilot.press("greater_than_sign")
        assert message(stage) == "only a real server has upper: go to one"


async def test_a_form_does_not_open_where_nothing_can_be_written(stage: Stage) -> None:
    stage.start_read_only()
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await open_on(pilot, stage, WEB1, "e")
        assert not isinstance(stage.app.screen, FormScreen)
        assert message(stage).startswith(
            "lvstui was started read-only: by --read-only, or by read_only of the configuration"
        )


async def test_without_a_profile_no_name_is_asked(stage: Stage) -> None:
    stage.app = LvstuiApp(Options(stage.kernel, None), threaded=False)
    async with stage.app.run_test(size=(120, 30)) as pilot:
        await open_on(pilot, stage, WEB1, "L")
        assert message(stage).startswith("names and notes are kept in a profile")
        await pilot.press("e")
        assert "weight" in screen(stage)
        assert " name  " not in "".join(line[:20] + "\n" for line in screen(stage).splitlines()[2:])


async def test_a_name_from_outside_is_never_sent_to_the_terminal_as_it_is(stage: Stage) -> None:
    stage.rename(WEB1, "a\x1b[31mred\u202e")
    async with stage.app.run_test(size=(80, 24)) as pilot:
        for key in ("e", "L"):
            await open_on(pilot, stage, WEB1, key)
            assert "a?[31mred?" in screen(stage)
            assert "\x1b" not in screen(stage)
            await pilot.press("escape")
