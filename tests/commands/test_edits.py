"""The commands that edit and the history, on the kernel in memory."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lvstui.cli import main
from lvstui.core.change import (
    Change,
    Target,
    Value,
    change_server,
    change_sysctl,
    change_timeouts,
    strip_profile_values,
)
from lvstui.core.model import (
    Director,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Pool,
    Probe,
    ProbeType,
    RealServer,
    ServerKey,
    Service,
    ServiceFlags,
    ServiceKey,
    Statuses,
    SyncDaemon,
    SyncRole,
    Timeouts,
    Tunnel,
    TunnelType,
)
from lvstui.formats.profile.write import dumps, loads
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import NoIpvs
from tests.build import SHOP, address_key, endpoint
from tests.test_cli import MARK, PROFILE, WEB1, Ran, Shell

HTTPS = "tcp:192.0.2.10:443"
PLAIN = replace(
    PROFILE, pools={**PROFILE.pools, SHOP: replace(PROFILE.pools[SHOP], service=Service(SHOP, name="shop"))}, sync={}
)


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    shell = Shell(capsys, tmp_path)
    shell.want(PLAIN)
    shell.kernel.write(change_server(SHOP, WEB1, WEB1))
    assert shell.run("apply").status == 0
    file_of(shell).unlink(missing_ok=True)
    return shell


def file_of(shell: Shell) -> Path:
    return shell.profile.with_name(f"{shell.profile.name}.history.jsonl")


def saved(shell: Shell) -> Director:
    return loads(shell.profile.read_text(), "director.toml")


def server(shell: Shell, endpoint: Endpoint = WEB1.endpoint, key: ServiceKey = SHOP) -> RealServer:
    """The server as the profile has it, which the kernel must agree with."""
    value = saved(shell).pools[key].servers[endpoint]
    assert shell.held().pools[key].servers[endpoint] == strip_profile_values(value)
    return value


def service(shell: Shell, key: ServiceKey = SHOP) -> Service:
    value = saved(shell).pools[key].service
    assert shell.held().pools[key].service == strip_profile_values(value)
    return value


def records(shell: Shell) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = json.loads(shell.run("history", "--json").out)["record"]
    return found


@pytest.mark.parametrize(
    ("values", "after"),
    [
        (["weight=5"], replace(WEB1, weight=5)),
        (["weight=0"], replace(WEB1, weight=0, resume=3)),
        (["upper=0", "lower=0"], replace(WEB1, upper=0, lower=0)),
        (["forwarding=route", "name=front 1"], replace(WEB1, forwarding=Forwarding.ROUTE, name="front 1")),
        (["name=", "resume=7"], replace(WEB1, name="", resume=7)),
        (
            ["forwarding=tunnel", "tunnel.checksum=csum", "tunnel.type=gue", "tunnel.port=6080"],
            replace(WEB1, forwarding=Forwarding.TUNNEL, tunnel=Tunnel(TunnelType.GUE, 6080, 1)),
        ),
    ],
)
def test_set_edits_a_server_in_the_kernel_and_in_the_profile(
    shell: Shell, values: list[str], after: RealServer
) -> None:
    ran = shell.run("set", "shop", "web1", *values)
    nobody = "lvstui: warning: shop: every new client will be refused: no real server takes new connections any more\n"
    assert (ran.status, ran.err) == (0, "" if after.weight else nobody)
    assert ran.out.startswith("tcp:192.0.2.10:443 shop / 10.0.0.11:443")
    assert server(shell) == after
    assert shell.run("diff").status == 0


@pytest.mark.parametrize(
    ("values", "after"),
    [
        (["scheduler=wrr", "note=ask first"], Service(SHOP, "wrr", name="shop", note="ask first")),
        (
            ["flags=sh-port,sh-fallback", "scheduler=sh"],
            Service(SHOP, "sh", ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2, name="shop"),
        ),
        (["persistence=600"], Service(SHOP, persistence=Persistence(600), name="shop")),
        (
            ["persistence.netmask=255.255.255.0", "name="],
            Service(SHOP, persistence=Persistence(300, IPv4Address("255.255.255.0"))),
        ),
        (
            ["engine=none", "netmask=/16", "timeout=60"],
            Service(SHOP, persistence=Persistence(60, IPv4Address("255.255.0.0")), name="shop"),
        ),
        (
            ["probe=http", "probe.path=/health"],
            Service(SHOP, name="shop", probe=Probe(ProbeType.HTTP, path="/health")),
        ),
    ],
)
def test_set_edits_a_service(shell: Shell, values: list[str], after: Service) -> None:
    assert shell.run("set", HTTPS, *values).status == 0
    assert service(shell) == after


def test_a_probe_is_the_profiles_alone_and_can_be_taken_back(shell: Shell) -> None:
    ran = shell.run("set", "shop", "probe.type=http", "probe.path=/health", "--dry-run")
    assert ran.out == "tcp:192.0.2.10:443 shop: probe none -> http path /health\n", "no command of the kernel"
    shell.run("set", "shop", "probe.type=http", "probe.path=/health", "probe.status=200")
    held = saved(shell).pools[SHOP].service.probe
    assert held == Probe(ProbeType.HTTP, path="/health", status=(Statuses(200, 200),))
    assert shell.held().pools[SHOP].service.probe is None
    assert shell.run("diff").status == 0
    assert 'probe = { type = "http", path = "/health", status = 200 }' in shell.run("export").out
    assert shell.run("set", "shop", "scheduler=rr").status == 0
    assert saved(shell).pools[SHOP].service.probe == held, "an edit of the kernel leaves it alone"
    assert shell.run("rollback", "2").status == shell.run("rollback", "1").status == 0
    assert saved(shell).pools[SHOP].service.probe is None
    assert shell.run("set", "shop", "probe.type=htpp").err == (
        'lvstui: probe.type: must be tcp, tls, http, https, dns, smtp or udp, not "htpp"; did you mean http?\n'
    )


def test_flags_and_persistence_go_with_none(shell: Shell) -> None:
    shell.run("set", "shop", "persistence=300", "scheduler=sh", "flags=sh-port")
    assert shell.run("set", "shop", "persistence=none", "flags=none").status == 0
    assert service(shell) == Service(SHOP, "sh", name="shop")


def test_a_service_of_ipv6_has_prefixes(shell: Shell) -> None:
    assert shell.run("set", "mark6:80", "prefix=64").status == 0
    assert service(shell, MARK).persistence == Persistence(300, 64)
    assert shell.run("set", "mark6:80", "persistence=60").status == 0
    assert service(shell, MARK).persistence == Persistence(60, 64)


def test_set_edits_the_settings_of_the_director(shell: Shell) -> None:
    assert shell.run("set", "timeouts", "tcp=800", "udp=30").out == "timeouts: tcp 900s -> 800s, udp 300s -> 30s\n"
    assert shell.run("set", "sysctl", "am_droprate=20", "sync_threshold=5  100").status == 0
    assert shell.run("set", "director", "name=lb2").status == 0
    assert saved(shell).timeouts == shell.held().timeouts == Timeouts(800, 120, 30)
    assert saved(shell).sysctl == {"am_droprate": "20", "sync_threshold": "5 100"}
    assert shell.held().sysctl["am_droprate"] == "20"
    assert saved(shell).name == "lb2"


def test_daemons_are_started_restarted_and_stopped(shell: Shell) -> None:
    def daemon() -> SyncDaemon | None:
        return (shell.held().sync or {}).get(SyncRole.BACKUP)

    assert shell.run("add", "sync", "backup", "interface=eth1", "id=5", "max_length=1400").status == 0
    assert daemon() == SyncDaemon(SyncRole.BACKUP, "eth1", 5, 1400)
    assert shell.run("set", "sync", "backup", "ttl=3", "group=239.1.2.3", "port=8849").status == 0
    assert daemon() == SyncDaemon(SyncRole.BACKUP, "eth1", 5, 1400, IPv4Address("239.1.2.3"), 8849, 3)
    assert shell.run("delete", "sync", "backup").status == 0
    assert daemon() is None
    assert [shell.run("rollback", number).status for number in "321"] == [0, 0, 0]
    assert daemon() is None


def test_a_daemon_whose_datagram_length_the_kernel_chose_can_be_taken_back(shell: Shell) -> None:
    assert shell.run("add", "sync", "master", "interface=eth1").status == 0
    assert (shell.held().sync or {})[SyncRole.MASTER].max_length
    assert shell.run("rollback", "1").status == 0
    assert shell.held().sync == {}


def test_add_makes_services_and_servers_of_every_kind(shell: Shell) -> None:
    dns = address_key("udp:[2001:db8::53]:53")
    for words in (
        ["udp:[2001:db8::53]:53", "name=dns", "scheduler=rr", "flags=one-packet", "prefix=64"],
        ["dns", "[fd00::1]:53", "forwarding=masq", "weight=0"],
        ["mark:7", "persistence=60"],
        ["mark:7", "10.0.0.9:0", "name=nine"],
    ):
        assert shell.run("add", *words).status == 0
    assert service(shell, dns) == Service(dns, "rr", ServiceFlags.ONE_PACKET, Persistence(300, 64), "dns")
    added = server(shell, endpoint("[fd00::1]:53"), dns)
    assert added == RealServer(endpoint("[fd00::1]:53"), Forwarding.MASQ, 0)
    assert server(shell, endpoint("10.0.0.9:0"), MarkKey(7, Family.IPV4)).name == "nine"


def test_delete_takes_a_server_and_with_yes_a_whole_service_that_rollback_brings_back(shell: Shell) -> None:
    before = saved(shell)
    assert shell.run("delete", "shop", "10.0.0.12").out == "- tcp:192.0.2.10:443 shop / 10.0.0.12:443\n"
    refused = shell.run("delete", "shop")
    assert (refused.status, "--yes" in refused.err) == (2, True)
    assert SHOP in shell.held().pools
    assert shell.run("delete", "shop", "--yes").status == 0
    assert SHOP not in shell.held().pools
    assert shell.run("rollback", "2").status == shell.run("rollback", "1").status == 0
    assert saved(shell) == before
    assert shell.run("diff").out == ""


class Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 1), ("", 1), ("no\n", 1)])
def test_at_a_terminal_delete_asks(shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, status: int) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(answer))
    ran = shell.run("delete", "shop")
    assert ran.status == status
    assert "Delete tcp:192.0.2.10:443 with 2 servers? [y/N]" in ran.err
    assert (SHOP in shell.held().pools) == (status != 0)


def test_a_drain_is_remembered_and_restore_ends_it(shell: Shell) -> None:
    assert shell.run("drain", "shop", "web1").status == 0
    assert server(shell) == replace(WEB1, weight=0, resume=3)
    assert shell.run("drain", "shop", "web1").out == ""
    assert shell.run("restore", "shop", "web1").status == 0
    assert server(shell) == WEB1


def test_a_machine_is_drained_everywhere_and_restored_but_not_what_stood_at_0(shell: Shell) -> None:
    shell.run("add", "mark:7", "persistence=60")
    shell.run("add", "mark:7", "10.0.0.11:0", "weight=9")
    shell.run("add", "tcp:192.0.2.10:80")
    shell.run("add", "tcp:192.0.2.10:80", "10.0.0.11:80", "weight=0")
    standing = saved(shell)
    ran = shell.run("drain", "--machine", "10.0.0.11")
    assert ran.status == 0
    assert len(ran.out.splitlines()) == 2
    held = {pool.servers[end].weight for pool in shell.held().pools.values() for end in pool.servers if end.port != 80}
    assert held == {0}
    assert shell.run("history", "-n", "1").out.splitlines()[1:] == [f"    {line}" for line in ran.out.splitlines()]
    assert shell.run("restore", "--machine", "10.0.0.11").status == 0
    assert saved(shell) == standing
    assert shell.run("restore", "--machine", "10.0.0.11").out == ""
    single = shell.run("restore", "tcp:192.0.2.10:80", "10.0.0.11:80")
    assert (single.status, "no weight is remembered" in single.err) == (1, True)


def test_dry_run_prints_the_lines_and_the_commands_and_writes_nothing(shell: Shell) -> None:
    before, held = shell.profile.read_text(), shell.held()
    ran = shell.run("set", "shop", "web1", "weight=0", "--dry-run")
    assert ran.status == 3
    assert ran.out.splitlines() == [
        "tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 0, remembers 3",
        "    ipvsadm -e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 0 -x 1000 -y 800",
    ]
    assert shell.run("set", "shop", "name=other", "--dry-run").out.count("\n") == 1
    assert shell.run("delete", "shop", "--dry-run").out.count("ipvsadm") == 1
    assert (shell.profile.read_text(), shell.held()) == (before, held)
    assert not file_of(shell).exists()


def test_what_is_so_already_is_no_change(shell: Shell) -> None:
    for words, why in (
        (["set", "shop", "web1", "weight=3"], "it has these values already"),
        (["set", "timeouts", "tcp=900"], "it has these values already"),
        (["restore", "shop", "web1"], "it is not drained"),
    ):
        assert shell.run(*words) == Ran(0, "", f"lvstui: nothing to do: {why}\n")
        assert shell.run(*words, "--dry-run") == Ran(0, "", f"lvstui: nothing to do: {why}\n")
    assert not file_of(shell).exists()


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        (["set", "nobody", "weight=3"], 1, 'no service is "nobody"'),
        (["set", "tcp:192.0.2.9:1", "scheduler=rr"], 1, 'no service is "tcp:192.0.2.9:1"'),
        (["set", "shop", "web9", "weight=3"], 1, 'no server of tcp:192.0.2.10:443 is "web9"'),
        (["set", "shop\x1b[31m", "name=x"], 1, 'no service is "shop\\x1b[31m"'),
        (["set", "shop", "web1"], 2, "FIELD=VALUE"),
        (["set", "shop", "web1", "web2", "weight=1"], 2, '"web2" is one word too many'),
        (["set", "shop", "web1", "weight=1", "weight=2"], 2, "weight: is given twice"),
        (["set", "shop", "web1", "weight=1-"], 2, "weight: must be a whole number"),
        (["set", "shop", "web1", "colour=red"], 2, "colour: is no field of a real server"),
        (["set", "shop", "flags=sh-port"], 2, "flags:"),
        (["set", "shop", "prefix=64"], 2, "prefix: is for IPv6 services"),
        (["set", "shop", "prefix=300"], 2, "prefix: is for IPv6 services"),
        (["set", "mark6:80", "netmask=/24"], 2, "netmask: is for IPv4 services"),
        (["set", "shop", "web1", "lower=2000"], 1, "lower: 2000 is above the upper threshold"),
        (["set", "sysctl", "no_such=1"], 1, "this kernel has no setting net.ipv4.vs.no_such"),
        (["set", "sysctl", "am_droprate=x"], 2, "am_droprate:"),
        (["set", "director", "colour=red"], 2, "colour: is no field of the director"),
        (["set", "timeouts", "now", "tcp=1"], 2, '"now" is one word too many'),
        (["set", "sync", "master", "id=1"], 1, "no master daemon runs"),
        (["set", "sync", "id=1"], 2, "write master or backup after sync"),
        (["add", "sync", "master"], 2, "interface: is missing"),
        (["add", "shop", "10.0.0.11:443"], 1, "server: the service has it already"),
        (["add", "shop", "10.0.0.15:x"], 2, "server:"),
        (["add", "shop", "10.0.0.11"], 1, "server: the service has it already"),
        (["add", HTTPS], 1, "service: it exists already"),
        (["add", "shop"], 2, "service:"),
        (["add", "shop", "[fd00::1]:443"], 1, "forwarding: only tunnel leads to a server of another address family"),
        (["delete", "shop", "weight=1"], 2, "delete takes no values"),
        (["drain", "shop"], 2, "write the server after its service"),
        (["drain"], 2, "write drain SERVICE SERVER or --machine ADDRESS"),
        (["drain", "shop", "web1", "--machine", "10.0.0.11"], 2, "write drain SERVICE SERVER or --machine ADDRESS"),
        (["drain", "--machine", "web1"], 2, "machine:"),
        (["drain", "--machine", "10.0.0.99"], 1, "no service has a server on 10.0.0.99"),
        (["rollback", "7"], 1, "there is no record 7"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    shell: Shell, words: list[str], status: int, sentence: str
) -> None:
    before, held = shell.profile.read_text(), shell.held()
    ran = shell.run(*words)
    assert (ran.status, ran.out) == (status, "")
    assert sentence in ran.err
    assert ran.err.count("\n") == 1
    assert (shell.profile.read_text(), shell.held()) == (before, held)
    assert not file_of(shell).exists()


def test_a_name_that_looks_like_another_services_notation_is_ambiguous(shell: Shell) -> None:
    shell.run("set", "mark6:80", f"name={HTTPS}")
    ran = shell.run("set", HTTPS, "scheduler=rr")
    assert ran.status == 1
    assert "may mean any of tcp:192.0.2.10:443, mark6:80" in ran.err


def test_a_server_named_by_its_address_needs_its_port_where_there_are_two(shell: Shell) -> None:
    shell.run("add", "shop", "10.0.0.11:0", "forwarding=masq")
    ran = shell.run("set", "shop", "10.0.0.11", "weight=5")
    assert ran.status == 1
    assert "may mean any of 10.0.0.11:0, 10.0.0.11:443" in ran.err


def test_a_warning_is_reported_and_does_not_stop_and_what_was_wrong_before_is_not_reported(shell: Shell) -> None:
    ran = shell.run("set", "shop", "web1", "forwarding=route")
    assert (ran.status, ran.err) == (0, "")
    ran = shell.run("add", "shop", "10.0.0.19:80")
    assert ran.status == 0
    assert ran.err.startswith("lvstui: warning: server: route cannot change the port")
    assert shell.run("set", "shop", "10.0.0.19:80", "weight=4").err == ""


def test_a_refusal_of_the_kernel_is_reported(shell: Shell) -> None:
    ran = shell.run("set", "shop", "scheduler=zzz")
    assert ran.status == 1
    assert ran.err.startswith("lvstui: not done: ")
    assert not file_of(shell).exists()


class Racing(MemoryKernel):
    """A kernel in which somebody else is faster, once."""

    theirs: Change | None = change_server(SHOP, WEB1, replace(strip_profile_values(WEB1), weight=8))

    def lookup(self, target: Target) -> Value | None:
        """Let the other one write right before we look."""
        if isinstance(target, ServerKey) and self.theirs:
            theirs, self.theirs = self.theirs, None
            self.write(theirs)
        return super().lookup(target)


def test_a_change_that_somebody_makes_meanwhile_is_not_overwritten(shell: Shell) -> None:
    shell.kernel = Racing(shell.held())
    ran = shell.run("set", "shop", "web1", "weight=5")
    assert ran.status == 1
    assert "nothing written, somebody else was faster" in ran.err
    assert "weight 3 -> 8" in ran.err
    assert shell.held().pools[SHOP].servers[WEB1.endpoint].weight == 8
    assert saved(shell) == PLAIN


def test_a_broken_profile_stops_an_edit_before_it_is_made(shell: Shell) -> None:
    shell.profile.write_text("format = [")
    assert shell.run("set", HTTPS, "scheduler=rr").status == 1
    assert shell.held().pools[SHOP].service.scheduler == "wlc"
    assert shell.profile.read_text() == "format = ["


def test_without_a_profile_the_first_edit_saves_the_whole_table(shell: Shell) -> None:
    shell.profile.unlink()
    assert shell.run("set", HTTPS, "10.0.0.11:443", "weight=5").status == 0
    assert saved(shell).pools.keys() == shell.held().pools.keys()


def test_read_only_refuses_what_writes(shell: Shell) -> None:
    ran = shell.run("--read-only", "set", "shop", "web1", "weight=5")
    assert (ran.status, "--read-only" in ran.err) == (2, True)
    assert shell.run("--read-only", "apply").status == 2
    assert shell.run("--read-only", "set", "shop", "web1", "weight=5", "--dry-run").status == 3


def test_a_setting_that_is_set_to_what_it_is_becomes_managed(shell: Shell) -> None:
    assert shell.run("set", "sysctl", "am_droprate=10").status == 0
    assert saved(shell).sysctl == {"am_droprate": "10"}
    assert shell.run("set", "sysctl", "am_droprate=10").err == "lvstui: nothing to do: it has these values already\n"


def test_the_history_needs_no_kernel(shell: Shell) -> None:
    shell.run("set", "shop", "web1", "weight=5")
    shell.kernel.failure = NoIpvs("the kernel has no IPVS")
    assert shell.run("set", "shop", "web1", "weight=6").status == 5
    assert "weight 3 -> 5" in shell.run("history").out
    assert shell.run("--demo", "history").out == shell.run("history").out
    assert main(["--demo", "history"]) == 2


def test_a_kernel_that_may_not_be_written_ends_with_permission(shell: Shell) -> None:
    shell.kernel.read_only = "CAP_NET_ADMIN is missing"
    assert shell.run("set", "shop", "web1", "weight=5").status == 4


def test_history_prints_who_what_and_when_newest_last(shell: Shell) -> None:
    shell.run("set", "shop", "web1", "weight=5")
    shell.run("set", "timeouts", "tcp=800")
    lines = shell.run("history").out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("1  20")
    assert lines[0].endswith("  do")
    assert lines[1] == "    tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 5"
    assert lines[3] == "    timeouts: tcp 900s -> 800s"
    assert shell.run("history", "-n", "1").out.splitlines() == lines[2:]
    assert shell.run("history", "SHOP", "weight").out.splitlines() == lines[:2]
    assert shell.run("history", "nothing like it").out == ""
    with pytest.raises(SystemExit):
        shell.run("history", "-n", "0")
    assert [record["number"] for record in records(shell)] == [1, 2]


def test_history_escapes_what_comes_from_outside_and_shortens_what_is_long(shell: Shell) -> None:
    shell.run("set", "shop", "name=\x1b[31mred")
    assert "\x1b" not in shell.run("history").out
    many = replace(PROFILE.pools[SHOP], service=Service(SHOP, "rr"), servers={
        end: RealServer(end) for end in (Endpoint(IPv4Address(f"10.0.1.{n}"), 443) for n in range(1, 41))
    })  # fmt: skip
    shell.want(replace(PLAIN, pools={**PLAIN.pools, SHOP: many}))
    shell.run("apply", "--force")
    lines = shell.run("history", "apply").out.splitlines()
    assert len(lines) == 22
    assert lines[-1] == "    and 23 more; --json prints all"


def test_apply_is_recorded_and_can_be_taken_back_servers_of_removed_services_included(shell: Shell) -> None:
    before = shell.held()
    shell.want(replace(PLAIN, pools={MARK: PLAIN.pools[MARK]}))
    assert shell.run("apply", "--force").status == 0
    assert SHOP not in shell.held().pools
    assert records(shell)[-1]["kind"] == "apply"
    assert shell.run("rollback", "1").status == 0
    assert shell.held().pools == before.pools
    assert shell.run("diff").out == ""


def test_an_apply_of_another_file_is_taken_back_whatever_names_that_gives_and_the_profile_keeps_its_own(
    shell: Shell, tmp_path: Path
) -> None:
    before, own = shell.held(), saved(shell)
    other = replace(WEB1, weight=7, name="elsewhere", resume=9)
    pool = Pool(replace(own.pools[SHOP].service, name="else", note="there"), {other.endpoint: other})
    (tmp_path / "other.toml").write_text(dumps(replace(own, pools={SHOP: pool})))
    ran = shell.run("apply", "--force", str(tmp_path / "other.toml"))
    assert "/ 10.0.0.11:443 elsewhere: weight 3 -> 7" in ran.out
    assert shell.held().pools[SHOP].servers.keys() == {other.endpoint}
    assert shell.run("rollback", "1").status == 0
    assert shell.held().pools == before.pools
    assert saved(shell).pools == own.pools


def test_rollback_of_rollback_leads_back(shell: Shell) -> None:
    shell.run("set", "shop", "web1", "weight=5")
    assert shell.run("rollback", "1", "--dry-run").status == 3
    assert shell.run("rollback", "1").out.endswith("weight 5 -> 3\n")
    assert shell.run("rollback", "2").out.endswith("weight 3 -> 5\n")
    assert [record["kind"] for record in records(shell)] == ["do", "rollback", "rollback"]
    assert server(shell).weight == 5


def test_a_record_that_no_longer_fits_is_not_taken_back_and_what_differs_is_reported(shell: Shell) -> None:
    shell.run("set", "shop", "web1", "weight=5")
    shell.run("set", "shop", "web1", "weight=6")
    ran = shell.run("rollback", "1")
    assert ran.status == 1
    assert "changed since: tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 5 -> 6" in ran.err
    assert "record 1 no longer fits" in ran.err
    assert server(shell).weight == 6
    assert [record["number"] for record in records(shell)] == [1, 2]
    assert shell.run("rollback", "1", "--dry-run").status == 1


def test_rollback_takes_back_settings(shell: Shell) -> None:
    shell.run("set", "sysctl", "am_droprate=20")
    shell.run("set", "timeouts", "tcp=800")
    assert shell.run("rollback", "1").status == shell.run("rollback", "2").status == 0
    assert shell.held().sysctl["am_droprate"] == "10"
    assert shell.held().timeouts == Timeouts()
    shell.kernel.write(change_sysctl("am_droprate", "10", "30"))
    shell.kernel.write(change_timeouts(Timeouts(), Timeouts(700)))
    assert shell.run("rollback", "3").status == shell.run("rollback", "4").status == 1


def test_a_history_that_cannot_be_written_is_reported_and_the_edit_is_made(shell: Shell) -> None:
    file_of(shell).mkdir()
    ran = shell.run("set", "shop", "web1", "weight=5")
    assert ran.status == 0
    assert "missing in the history" in ran.err
    assert server(shell).weight == 5
    shell.want(PLAIN)
    assert "missing in the history" in shell.run("apply").err
    assert shell.run("history").status == 1


def test_what_the_profile_cannot_hold_is_reported(shell: Shell) -> None:
    shell.profile.unlink()
    shell.profile.with_name("elsewhere").mkdir()
    shell.profile.symlink_to("elsewhere")
    ran = shell.run("set", HTTPS, "scheduler=rr")
    assert ran.status == 1
    assert "it is a folder" in ran.err
    assert shell.held().pools[SHOP].service.scheduler == "wlc"
