"""The commands without a terminal, on the kernel in memory."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.commands.arguments import parser
from lvstui.core.change import (
    EMPTY,
    Change,
    Target,
    Value,
    change_server,
    change_sysctl,
    kernel_writes,
    strip_profile_values,
)
from lvstui.core.drift import find_drift
from lvstui.core.model import (
    Director,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    ServerKey,
    Service,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.core.observed import Reading
from lvstui.core.record import Kind
from lvstui.formats.profile.write import dumps, loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NoIpvs, NoRight
from lvstui.store.history_file import HistoryFile
from tests.build import SHOP, address_key, remove_services, server
from tests.engine.killed import GROUPED

MARK = MarkKey(80, Family.IPV6)
WEB1 = server("10.0.0.11:443", Forwarding.MASQ, 3, 1000, 800, name="web1")
WEB2 = server("10.0.0.12:443", Forwarding.TUNNEL, 0, tunnel=Tunnel(TunnelType.GUE, 6080), resume=2)
PROFILE = Director(
    {
        SHOP: Pool(
            Service(SHOP, persistence=Persistence(), name="shop\x1b[31m"), {WEB1.endpoint: WEB1, WEB2.endpoint: WEB2}
        ),
        MARK: Pool(Service(MARK, "rr")),
    },
    Timeouts(),
    {SyncRole.MASTER: SyncDaemon(SyncRole.MASTER, "eth1", 5, 1400)},
    name="lb1",
)
OTHER = address_key("udp:192.0.2.53:53")


@dataclass
class Ran:
    """What a command printed and how it ended."""

    status: int
    out: str
    err: str


class Shell:
    """Runs commands on one kernel and one profile."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.kernel = MemoryKernel(PROFILE)
        self.profile = folder / "director.toml"
        self.profile.write_text(dumps(PROFILE))
        self._capsys = capsys

    def run(self, *arguments: str) -> Ran:
        status = main(["--profile", str(self.profile), *arguments], lambda _: self.kernel)
        printed = self._capsys.readouterr()
        return Ran(status, printed.out, printed.err)

    def held(self) -> Director:
        return self.kernel.read().director

    def want(self, director: Director) -> None:
        self.profile.write_text(dumps(director))


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(capsys, tmp_path)


def with_weight(weight: int) -> Director:
    pool = PROFILE.pools[SHOP]
    servers = {**pool.servers, WEB1.endpoint: replace(WEB1, weight=weight)}
    return replace(PROFILE, pools={**PROFILE.pools, SHOP: replace(pool, servers=servers)})


def test_show_prints_the_services_with_the_names_of_the_profile(shell: Shell) -> None:
    ran = shell.run("show")
    rows = [line.split() for line in ran.out.splitlines()]
    assert ran.status == 0
    assert rows[1][:2] == ["mark6:80", "rr"]
    assert rows[2][:3] == ["tcp:192.0.2.10:443", "shop\\x1b[31m", "wlc"]
    assert rows[3][:4] == ["10.0.0.11:443", "web1", "masq", "3"]
    assert ran.out.splitlines()[3].endswith("upper 1000, lower 800")
    assert ran.out.splitlines()[4].endswith("drain, tunnel gue port 6080, resume 2")
    assert {line.index("masq") for line in ran.out.splitlines() if "masq" in line} == {ran.out.index("METHOD")}
    assert "\x1b" not in ran.out


def test_show_watches_nothing_but_servers(shell: Shell) -> None:
    for what in ("marks", "director"):
        ran = shell.run("show", what, "--over", "3")
        assert ran.status == 2
        assert ran.err == f"lvstui: --over is for services, not {what}: their servers are watched\n"


def test_show_director_prints_its_own_settings(shell: Shell) -> None:
    own, _, settings = shell.run("show", "director").out.partition("\n\n")
    assert own.splitlines() == [
        "director  lb1",
        "kernel    demo, IPVS 1.2.1, table of 4096 buckets",
        "services  2 with 2 real servers, 0 connections",
        "timeouts  tcp 900s, tcp_fin 120s, udp 300s",
        "sync      master: interface eth1, id 5, max_length 1400, group 224.0.0.81, port 8848, ttl 1",
    ]
    assert settings.splitlines()[0] == "SYSCTL net.ipv4.vs.        VALUE    DEFAULT  PROFILE"
    assert {tuple(line.split()) for line in settings.splitlines()} >= {
        ("am_droprate", "10", "10"),
        ("sync_qlen_max", "7883"),
        ("sync_threshold", "3", "50", "3", "50"),
    }


def test_show_director_marks_what_is_not_the_default_and_what_the_profile_manages(shell: Shell) -> None:
    shell.want(replace(PROFILE, sysctl={"conntrack": "1", "of_a_newer_kernel": "x"}))
    shell.kernel.write(change_sysctl("conntrack", "0", "1"))
    shell.kernel.write(change_sysctl("sync_retries", "0", "3"))
    rows = {tuple(line.split()) for line in shell.run("show", "director").out.splitlines()}
    assert rows >= {("conntrack", "1", "*", "0", "1"), ("sync_retries", "3", "*", "0"), ("sync_version", "1", "1")}
    document = json.loads(shell.run("show", "director", "--json").out)
    assert document["managed"] == ["conntrack", "of_a_newer_kernel"]
    assert (document["sysctl"]["conntrack"], document["sysctl"]["sync_threshold"]) == (1, "3 50")
    assert document["connections"] == 0
    assert document["stats"]["in_packets"] == document["rates"]["in_packets"] == document["cpu"][3]["in_packets"] == 0


def test_settings_of_the_profile_are_compared_written_and_exported_and_no_others(shell: Shell) -> None:
    shell.want(replace(PROFILE, sysctl={"conntrack": "1"}))
    shell.kernel.write(change_sysctl("sync_retries", "0", "3"))
    assert shell.run("diff").out == "sysctl conntrack: 0 -> 1\n"
    assert shell.run("apply").status == 0
    assert shell.kernel.read().director.sysctl["conntrack"] == "1"
    assert shell.run("diff").status == 0
    assert shell.run("export").out == dumps(replace(PROFILE, sysctl={"conntrack": "1"}))
    assert json.loads(shell.run("export", "--format", "json").out)["sysctl"] == {"conntrack": 1}


def test_a_setting_that_the_kernel_lacks_is_drift_and_refused_by_name(shell: Shell) -> None:
    shell.want(replace(PROFILE, sysctl={"of_a_newer_kernel": "1"}))
    assert shell.run("diff").status == 3
    ran = shell.run("apply")
    assert ran.status == 1
    assert "of_a_newer_kernel: this kernel has no such setting in net.ipv4.vs" in ran.err
    shell.want(replace(PROFILE, sysctl={"conn_lfactor": "4"}))
    assert "this kernel has no such setting, Linux 7.2 has it; take it out for this kernel" in shell.run("apply").err


def test_show_says_that_there_is_no_service(shell: Shell) -> None:
    remove_services(shell.kernel)
    assert shell.run("show").out == "There is no virtual service.\n"


def test_show_json_has_every_field_in_a_fixed_order(shell: Shell) -> None:
    service = json.loads(shell.run("show", "--json").out)["service"][1]
    counters = ["connections", "in_packets", "out_packets", "in_bytes", "out_bytes"]
    assert list(service) == [
        "name", "service", "scheduler", "flags", "persistence", "note", "probe", "stats", "rates", "state",
        "evidence", "server",
    ]  # fmt: skip
    assert service["persistence"] == {"timeout": 300, "netmask": "255.255.255.255", "prefix": None, "engine": ""}
    assert list(service["stats"]) == list(service["rates"]) == counters
    assert service["server"][1] == {
        "name": "",
        "server": "10.0.0.12:443",
        "forwarding": "tunnel",
        "weight": 0,
        "upper": 0,
        "lower": 0,
        "tunnel": {"type": "gue", "port": 6080, "checksum": "nocsum"},
        "resume": 2,
        "active": 0,
        "inactive": 0,
        "sticky": 0,
        "stats": dict.fromkeys(counters, 0),
        "rates": dict.fromkeys(counters, 0),
        "state": "done",
        "evidence": None,
    }


def test_show_director_json_prints_kernel_timeouts_and_daemons(shell: Shell) -> None:
    document = json.loads(shell.run("show", "director", "--json").out)
    assert document["kernel"] == {"origin": "demo", "version": "1.2.1", "table_size": 4096}
    assert document["director"] == {"name": "lb1", "host": "", "netns": ""}
    assert document["timeouts"] == {"tcp": 900, "tcp_fin": 120, "udp": 300}
    assert document["sync"][0]["max_length"] == 1400


def test_show_goes_on_without_names_where_the_profile_is_broken(shell: Shell) -> None:
    shell.profile.write_text("nonsense")
    ran = shell.run("show")
    assert ran.status == 0
    assert "10.0.0.11:443" in ran.out
    assert ":1: error: nonsense: a key needs = and a value behind it" in ran.err
    assert "names are left out" in ran.err


def test_export_gives_back_the_profile(shell: Shell) -> None:
    assert shell.run("export").out == dumps(PROFILE)


def test_export_writes_a_file_in_one_step(shell: Shell, tmp_path: Path) -> None:
    target = tmp_path / "copy.toml"
    target.write_text("old")
    ran = shell.run("export", "-o", str(target))
    assert (ran.status, ran.out) == (0, "")
    assert loads(target.read_text(), "copy") == PROFILE


def test_export_writes_ipvsadm_lines_and_json(shell: Shell) -> None:
    assert shell.run("export", "--format", "ipvsadm").out.splitlines()[1:4] == [
        "-A -f 80 -6 -s rr",
        "-A -t 192.0.2.10:443 -s wlc -p 300",
        "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3 -x 1000 -y 800",
    ]
    document = json.loads(shell.run("export", "--format", "json").out)
    assert list(document) == ["director", "timeouts", "sysctl", "sync", "service", "mark"]
    assert document["service"][1]["server"][0]["name"] == "web1"
    assert "stats" not in document["service"][0]


def test_check_counts_what_is_fine(shell: Shell) -> None:
    ran = shell.run("check", str(shell.profile))
    assert ran.status == 0
    assert ran.out == f"{shell.profile}: 2 services, 2 servers, no error\n"


def test_check_prints_every_flaw_with_its_line(shell: Shell) -> None:
    shell.profile.write_text("format = 1\nzzz = 1\n[timeouts]\ntcp = -1\n")
    ran = shell.run("check", str(shell.profile))
    assert ran.status == 1
    assert [line.removeprefix(str(shell.profile))[:18] for line in ran.out.splitlines()] == [
        ":2: error: zzz: is",
        ":3: error: timeout",
        ":4: error: timeout",
    ]


def test_check_prints_what_the_kernel_would_refuse_and_what_cannot_work(shell: Shell) -> None:
    shell.profile.write_text(
        'format = 1\n[[service]]\nservice = "tcp:192.0.2.1:0"\nserver = [{ server = "10.0.0.1:80", lower = 1 }]\n'
    )
    ran = shell.run("check", str(shell.profile))
    assert ran.status == 1
    assert f"{shell.profile}:3: warning: service: without persistence" in ran.out
    assert f"{shell.profile}:4: error: lower: 1 is above the upper" in ran.out


def test_warnings_alone_are_no_error(shell: Shell) -> None:
    shell.profile.write_text('format = 1\n[[service]]\nservice = "tcp:192.0.2.1:0"\n')
    ran = shell.run("check", str(shell.profile))
    assert ran.status == 0
    assert "warning: " in ran.out


def test_check_warns_of_what_the_kernel_lacks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text(
        "format = 1\n[sysctl]\nconn_lfactor = 2\nconntrack = 1\nsync_period = 50\nconntrak = 1\nlblc_expiration = 60\n"
        '[[service]]\nservice = "tcp:192.0.2.1:80"\nscheduler = "new"\n'
    )
    assert main(["--demo", "check", str(profile)]) == 0
    printed = capsys.readouterr().out.replace(f"{profile}:", "").splitlines()
    assert printed[:-2] == [
        "3: warning: sysctl.conn_lfactor: the demo's kernel has no such setting, "
        "Linux 7.2 has it; take it out for this kernel",
        "5: warning: sysctl.sync_period: neither the demo's kernel nor lvstui knows such a setting; "
        "correct the name, or take it out",
        "6: warning: sysctl.conntrak: lvstui knows no such setting; did you mean conntrack?",
    ]
    assert printed[-2].startswith('10: warning: scheduler: the demo\'s kernel has no scheduler "new"; ')
    assert printed[-1] == " 1 service, 0 servers, no error"


def test_a_profile_that_is_not_there_is_reported_with_the_remedy(shell: Shell) -> None:
    shell.profile.unlink()
    for command in ("diff", "apply"):
        ran = shell.run(command)
        assert ran.status == 1
        assert ran.err == (
            f"lvstui: {shell.profile} does not exist; `lvstui export -o` writes it from the running kernel\n"
        )
    assert shell.run("check", str(shell.profile)).status == 1


def test_diff_is_silent_where_nothing_differs(shell: Shell) -> None:
    assert shell.run("diff") == Ran(0, "", "")


def test_diff_prints_what_apply_would_write(shell: Shell) -> None:
    shell.want(with_weight(5))
    line = "tcp:192.0.2.10:443 shop\\x1b[31m / 10.0.0.11:443 web1: weight 3 -> 5\n"
    assert shell.run("diff") == Ran(3, line, "")
    command = "    ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 5 -x 1000 -y 800\n"
    assert shell.run("diff", "--commands") == Ran(3, line + command, "")
    assert shell.run("apply", "--dry-run") == Ran(3, line + command, "")
    assert shell.run("diff", str(shell.profile)).out == line


def test_names_alone_are_no_difference(shell: Shell) -> None:
    shell.want(
        replace(PROFILE, name="other", pools={SHOP: PROFILE.pools[SHOP], MARK: Pool(Service(MARK, "rr", name="m"))})
    )
    assert shell.run("diff") == Ran(0, "", "")


def test_apply_makes_the_kernel_equal_the_profile(shell: Shell) -> None:
    shell.kernel = MemoryKernel(Director({OTHER: Pool(Service(OTHER))}, Timeouts(1, 2, 3), {}))
    ran = shell.run("apply", "--force")
    assert ran.status == 0
    assert ran.out.splitlines()[0] == "timeouts: tcp 1s -> 900s, tcp_fin 2s -> 120s, udp 3s -> 300s"
    assert "- udp:192.0.2.53:53" in ran.out.splitlines()
    assert kernel_writes(find_drift(shell.held(), PROFILE)) == ()
    said = f"lvstui: nothing to do: the kernel is as {shell.profile} says\n"
    assert shell.run("apply") == shell.run("apply", "--dry-run") == Ran(0, "", said)


def test_apply_writes_only_what_differs(shell: Shell) -> None:
    shell.want(with_weight(5))
    before = shell.held()
    assert shell.run("apply").out.count("\n") == 1
    after = shell.held()
    assert after.pools[MARK] is before.pools[MARK]
    assert after.pools[SHOP].servers[WEB1.endpoint] == strip_profile_values(replace(WEB1, weight=5))


@pytest.mark.parametrize(
    "words",
    [
        "show",
        "export",
        "check --running",
        "diff",
        "history",
        "entries",
        "entry expire 10.1.0.9 shop",
        "apply",
        "set shop note=x",
        "add shop",
        "delete shop",
        "drain shop web1",
        "restore shop web1",
        "rollback 1",
        "mark add 80 tcp",
        "mark delete 80",
    ],
)
def test_every_command_names_the_function_that_runs_it(words: str) -> None:
    module, function = parser().parse_args(words.split()).run
    assert callable(getattr(import_module(f"lvstui.commands.{module}"), function))


def test_apply_keeps_others_when_asked_to(shell: Shell) -> None:
    shell.kernel = MemoryKernel(replace(PROFILE, pools={**PROFILE.pools, OTHER: Pool(Service(OTHER))}))
    assert shell.run("apply", "--keep-others").out == ""
    assert OTHER in shell.held().pools
    assert shell.run("apply").out == "- udp:192.0.2.53:53\n"
    assert OTHER not in shell.held().pools


def test_apply_goes_on_with_what_does_not_depend_on_what_was_refused_and_lists_that_with_its_reason(
    shell: Shell,
) -> None:
    bad = Pool(Service(MARK, "zzz"), {one.endpoint: one for one in (server("[2001:db8::1]:0"),)})
    wanted = Director({SHOP: PROFILE.pools[SHOP], MARK: bad, OTHER: Pool(Service(OTHER))}, sysctl={"of_tomorrow": "1"})
    shell.want(wanted)
    shell.kernel = MemoryKernel(EMPTY)
    ran = shell.run("apply")
    assert ran.status == 1
    assert [line.split(":")[0] for line in ran.out.splitlines()] == ["+ udp", "+ tcp", "+ tcp", "+ tcp"]
    setting, scheduler, first, *refused = ran.err.splitlines()
    assert "warning: sysctl.of_tomorrow: neither this kernel nor lvstui knows such a setting" in setting
    assert 'warning: scheduler: this kernel has no scheduler "zzz"; ' in scheduler
    assert first == "lvstui: 4 of 7 changes were written, the others were refused or not tried:"
    assert refused[0].startswith("  refused    + sysctl of_tomorrow: ")
    assert "this kernel has no such setting" in refused[0]
    assert refused[1].startswith(
        "  refused    + mark6:80: scheduler zzz: scheduler: this kernel has no scheduler 'zzz'"
    )
    assert refused[2].startswith("  not tried  + mark6:80 / [2001:db8::1]:0")
    assert refused[2].endswith(": its service was refused")
    assert len(refused) == 3
    assert set(shell.held().pools) == {SHOP, OTHER}
    assert len(shell.held().pools[SHOP].servers) == 2
    recorded = shell.run("history").out
    assert "+ udp:192.0.2.53:53" in recorded
    assert "of_tomorrow" not in recorded
    assert "zzz" not in recorded


@pytest.mark.parametrize("command", ["diff", "apply"])
def test_weights_of_servers_that_run_are_left_alone_when_asked_to(shell: Shell, command: str) -> None:
    shell.kernel = MemoryKernel(with_weight(0))
    shell.want(replace(with_weight(5), timeouts=Timeouts(tcp=700)))
    ran = shell.run(command, "--keep-weights")
    assert ran == Ran(3 if command == "diff" else 0, "timeouts: tcp 900s -> 700s\n", "")
    assert shell.held().pools[SHOP].servers[WEB1.endpoint].weight == 0
    assert "weight 0 -> 5" in shell.run("diff").out


class FullDisk(io.StringIO):
    """A standard output that takes nothing."""

    def write(self, _: str, /) -> int:
        """Refuse, as a full disk does."""
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_output_that_takes_nothing_stops_no_write_of_apply(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.kernel = MemoryKernel(EMPTY)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", FullDisk())
        with pytest.raises(OSError, match="No space left"):
            shell.run("apply")
    assert kernel_writes(find_drift(shell.held(), PROFILE)) == ()
    recorded = shell.run("history", "apply").out
    assert "+ mark6:80: scheduler rr" in recorded
    assert "+ sync master" in recorded


@pytest.mark.parametrize("command", ["show", "history"])
def test_the_next_command_records_what_a_killed_one_did(shell: Shell, command: str) -> None:
    records = HistoryFile(shell.profile)
    change = change_server(SHOP, WEB1, replace(WEB1, weight=8))
    draft = records.begin(Kind.DO, (change,))
    (path,) = shell.profile.parent.glob(".director.toml.journal.*")
    left = path.read_bytes()
    records.end(draft)
    records.close()
    path.write_bytes(left)  # as a process leaves it that is killed right after it saved the profile
    shell.want(with_weight(8))
    ran = shell.run(command)
    assert ran.status == 0
    assert "was interrupted: 1 of 1 changes were written, now recorded as 1" in ran.err
    assert "do  interrupted, recorded at a later start" in shell.run("history").out
    assert shell.run(command).err == ""
    assert not list(shell.profile.parent.glob(".*journal*"))


class Signalled(MemoryKernel):
    """A kernel in whose second write a signal arrives."""

    number = signal.SIGTERM
    writes = 0

    def write(self, change: Change) -> None:
        """Write, and be signalled in between."""
        self.writes += 1
        if self.writes == 2:
            signal.raise_signal(self.number)
        super().write(change)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_apply_between_two_writes_and_what_was_written_is_recorded(shell: Shell, number: int) -> None:
    before = signal.getsignal(number)
    shell.kernel = Signalled(EMPTY)
    shell.kernel.number = signal.Signals(number)
    ran = shell.run("apply")
    assert ran.status == 128 + number
    assert ran.out.count("\n") == shell.kernel.writes == 2
    assert "lvstui: 2 of 5 changes were written, then it was interrupted" in ran.err
    assert ran.err.count("  not tried  ") == 3
    recorded = shell.run("history", "apply").out
    assert [line.strip() for line in recorded.splitlines()[1:]] == ran.out.splitlines()
    assert signal.getsignal(number) is before


def test_an_interrupted_apply_gives_the_reasons_of_what_was_refused_before(shell: Shell) -> None:
    shell.want(replace(PROFILE, sysctl={"of_tomorrow": "1"}))
    shell.kernel = Signalled(EMPTY)
    ran = shell.run("apply")
    assert ran.status == 128 + signal.SIGTERM
    listed = [line for line in ran.err.splitlines() if line.startswith("  ")]
    assert listed[0].startswith("  refused    + sysctl of_tomorrow: ")
    assert "this kernel has no such setting" in listed[0]
    assert all(line.startswith("  not tried  ") for line in listed[1:])


class Unmarked(MemoryKernel):
    """A kernel without a packet filter, which counts how often its table is read."""

    readings = 0

    def read(self) -> Reading:
        """Count, and leave the marks out."""
        self.readings += 1
        reading = super().read()
        return replace(reading, director=replace(reading.director, marks=None))


def test_that_marks_are_left_out_is_said_without_another_reading_of_the_table(shell: Shell) -> None:
    shell.want(GROUPED)
    shell.kernel = kernel = Unmarked(GROUPED)
    assert "the profile's marks are left out" in shell.run("diff").err
    assert kernel.readings == 1
    assert "the profile's marks are left out" in shell.run("apply", "--dry-run").err
    assert kernel.readings == 2


def test_of_what_is_made_as_one_a_signal_leaves_nothing(shell: Shell) -> None:
    shell.kernel = Signalled(EMPTY)
    shell.want(EMPTY)
    ran = shell.run("mark", "add", "81", "tcp 192.0.2.10 80", "--server", "10.0.0.11", "--server", "10.0.0.12")
    assert ran.status == 128 + signal.SIGTERM
    assert ran.out == ""
    assert "not done: interrupted before the next write; what was written before it has been taken back" in ran.err
    assert shell.held().pools == {}
    assert shell.run("history").out == ""


class Losing(MemoryKernel):
    """A kernel that can no longer be written once a service is there."""

    def write(self, change: Change) -> None:
        """Write one service, and lose the right then."""
        if self._director.pools:
            raise NoRight("the right went away")
        super().write(change)


def test_apply_ends_where_nothing_can_be_written_any_more_and_records_what_was(shell: Shell) -> None:
    shell.want(Director({OTHER: Pool(Service(OTHER)), MARK: Pool(Service(MARK))}))
    shell.kernel = Losing(EMPTY)
    ran = shell.run("apply")
    assert ran.status == 4
    assert ran.out == "+ udp:192.0.2.53:53: scheduler wlc\n"
    assert ran.err.splitlines() == [
        "lvstui: 1 of 2 changes were written, the next one failed",
        "  failed     + mark6:80: scheduler wlc",
        "lvstui: the right went away",
    ]
    assert set(shell.held().pools) == {OTHER}
    assert "+ udp:192.0.2.53:53" in shell.run("history", "apply").out


class Racing(MemoryKernel):
    """A kernel in which somebody else is faster, once the plan was made."""

    other: Change | None = change_server(SHOP, strip_profile_values(WEB1), replace(WEB1, weight=8))

    def lookup(self, target: Target) -> Value | None:
        """Let the other one write right before we look."""
        if self.other and isinstance(target, ServerKey):
            other, self.other = self.other, None
            self.write(other)
        return super().lookup(target)


def test_apply_writes_nothing_where_somebody_else_was_faster(shell: Shell) -> None:
    shell.kernel = Racing(PROFILE)
    shell.want(replace(with_weight(5), timeouts=Timeouts(tcp=700)))
    ran = shell.run("apply")
    assert ran == Ran(
        1,
        "",
        "lvstui: nothing written, somebody else was faster: tcp:192.0.2.10:443 shop\\x1b[31m / 10.0.0.11:443 web1: "
        "weight 3 -> 8; look again and repeat it\n",
    )
    assert shell.held().timeouts == Timeouts()
    assert shell.held().pools[SHOP].servers[WEB1.endpoint].weight == 8
    assert shell.run("apply").status == 0


def test_apply_writes_nothing_of_a_profile_that_the_kernel_would_refuse(shell: Shell) -> None:
    server = replace(WEB1, upper=1, lower=2)
    shell.want(replace(PROFILE, pools={SHOP: Pool(Service(SHOP), {server.endpoint: server})}))
    before = shell.held()
    ran = shell.run("apply")
    assert ran.status == 1
    assert ran.err.startswith(f"{shell.profile}:21: error: lower: 2 is above the upper threshold 1")
    assert shell.held() is before


@pytest.mark.parametrize("command", [["show"], ["show", "director", "--json"], ["export"], ["diff"], ["apply"]])
def test_no_ipvs_is_status_5_and_offers_the_demo(shell: Shell, command: Sequence[str]) -> None:
    shell.kernel.failure = NoIpvs("this kernel has no IPVS: run `modprobe ip_vs`")
    ran = shell.run(*command)
    assert ran == Ran(
        5,
        "",
        "lvstui: this kernel has no IPVS: run `modprobe ip_vs`; `lvstui --demo` shows a made-up director without it\n",
    )


@pytest.mark.parametrize("command", [["export"], ["diff"], ["apply"]])
def test_what_needs_the_whole_table_is_status_4_without_the_right(shell: Shell, command: Sequence[str]) -> None:
    shell.kernel.read_only = "CAP_NET_ADMIN is missing; run lvstui as root"
    ran = shell.run(*command)
    more = "; compared is the rest" if command == ["diff"] else ""
    assert ran == Ran(4, "", f"lvstui: CAP_NET_ADMIN is missing; run lvstui as root{more}\n")
    assert shell.run("show").status == 0


class Container(MemoryKernel):
    """A kernel that denies writing only when it is asked."""

    def read(self) -> Reading:
        self.read_only = "CAP_NET_ADMIN is missing; run lvstui as root"
        return super().read()


def test_a_right_that_turns_out_missing_at_the_reading_is_status_4_too(shell: Shell) -> None:
    shell.kernel = Container(PROFILE)
    shell.want(with_weight(5))
    assert shell.run("diff").status == 4


def test_a_right_that_is_lost_is_status_4(shell: Shell) -> None:
    shell.kernel.failure = NoRight("the right is missing; run lvstui as root")
    assert shell.run("show").status == 4


class Interrupted(MemoryKernel):
    """A kernel at which somebody presses Ctrl-C."""

    def read(self) -> Reading:
        raise KeyboardInterrupt


def test_ctrl_c_ends_without_a_traceback(shell: Shell) -> None:
    shell.kernel = Interrupted(PROFILE)
    assert shell.run("show") == Ran(130, "", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--demo", "--live", "show"],
        ["--live", "show", "--demo"],
        ["--demo", "--netns", "x", "show"],
        ["--interval", "0"],
        ["--interval", "nan"],
        ["--view", "nothing"],
        ["show", "nothing"],
        ["nothing"],
    ],
)
def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str], arguments: Sequence[str]) -> None:
    try:
        status = main(arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    assert status == 2
    assert "lvstui" in capsys.readouterr().err


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_the_screens_need_a_terminal() -> None:
    ended = python("-m", "lvstui", "--demo")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "lvstui: the screens need a terminal; `lvstui show` prints the services without one\n"


def test_the_demo_touches_no_profile_of_the_machine(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--demo", "diff"]) == 0
    mine = tmp_path / "mine.toml"
    assert main(["--demo", "export", "-o", str(mine)]) == 0
    assert main(["--demo", "diff", "--profile", str(mine)]) == 0
    assert main(["--demo", "apply", "--profile", str(tmp_path / "none.toml")]) == 1
    assert capsys.readouterr().out == ""


def test_commands_import_neither_textual_nor_what_else_they_do_not_need() -> None:
    program = (
        "import sys; from lvstui.cli import main; main(['--demo', 'diff']); "
        "print(sorted({'textual', 'rich', 'pyroute2', 'psutil', 'tomli_w', 'asyncio'} & set(sys.modules)))"
    )
    ended = python("-c", program)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_the_version_is_reported() -> None:
    assert python("-m", "lvstui", "--version").stdout.startswith("lvstui ")


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "lvstui", "--demo", "show", "--json"]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (141, b"")


READING = ("show", "trace", "probe", "export", "check", "diff", "history")
WRITING = ("apply", "set", "add", "delete", "drain", "restore", "rollback")


def test_the_program_ends_while_a_server_is_still_being_asked() -> None:
    program = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from lvstui.__main__ import main
ThreadPoolExecutor().submit(time.sleep, 300)
sys.argv[1:] = ["--demo", "show"]
main()
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "192.0.2." in ran.stdout or "198.51.100." in ran.stdout


def test_help_fits_a_screen_of_48_lines_and_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 48
    assert max(map(len, lines)) <= 80
    assert all(f"    {name} " in "\n".join(lines) for name in READING + WRITING)
    assert {"--live:", "--no-mouse:", "--help:"} <= set(" ".join(lines).replace("(", "").split())


@pytest.mark.parametrize("command", ["check", "diff", "apply"])
def test_a_file_of_the_name_of_a_stream_is_meant_by_its_path(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args([command, "./-"]).file == Path("-").absolute()
    assert parser().parse_args([command, "-"]).file == Path("-")
    with pytest.raises(SystemExit):
        parser().parse_args([command, ""])
    assert "is empty; name a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["delete"], "lvstui delete: error: missing: SERVICE"),
        (["add"], "lvstui add: error: missing: SERVICE"),
        (["set"], "lvstui set: error: missing: WHAT, FIELD=VALUE"),
        (
            ["entries", "left<60"],
            'lvstui entries: error: "left<60" is one word too many; a filter stands behind --filter',
        ),
        (["config", "left<60"], 'lvstui config: error: "left<60" is one word too many'),
    ],
)
def test_what_is_missing_or_too_much_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == said


def test_a_stream_is_no_profile_to_save_edits_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["--demo", "--profile", "-", "drain", "--machine", "10.0.0.41"])
    assert end.value.code == 2
    assert "--profile: - is a stream, and edits are saved here; name a file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
