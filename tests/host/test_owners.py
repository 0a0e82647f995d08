"""Who else manages the table, found among made-up processes whose files are real."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import pytest

from lvstui.core.change import change_server, change_service, change_timeouts
from lvstui.core.model import RealServer, Service, Timeouts
from lvstui.core.record import Owner, find_claims
from lvstui.host.owners import INTERVAL, OwnerWatch, Process, processes
from tests.build import SHOP, address_key, endpoint

OTHER = address_key("tcp:192.0.2.11:443")
MORE = tuple(SHOP._replace(port=port) for port in (1, 2, 3))
PERL = "/usr/bin/perl"
KEEPALIVED = "virtual_server 192.0.2.10 443 {\n protocol TCP\n}\n"


class Machine:
    """A folder that looks like /proc, with processes in it, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self.root = folder / "root"
        self.namespace = folder / "net"
        self.elsewhere = folder / "net2"
        self.dockers = folder / "dockers"
        self.namespace.touch()
        self.elsewhere.touch()
        self.now = 100.0
        self.running: list[Process] = []
        self._place("self", self.namespace)

    def start(self, program: str, *words: str, parent: int = 1, elsewhere: bool = False) -> int:
        pid = 2**30 + len(self.running)
        self._place(str(pid), self.elsewhere if elsewhere else self.namespace)
        self.running.append(Process(pid, parent, program, words if words[:1] == (PERL,) else (program, *words)))
        return pid

    def write(self, path: str, text: str) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def watch(self) -> OwnerWatch:
        return OwnerWatch(find=self._find, clock=lambda: self.now, proc=self.proc, dockers=self.dockers)

    def say(self, pid: int, name: str, text: str) -> None:
        """Put a file below the folder of a process."""
        (self.proc / str(pid) / name).parent.mkdir(exist_ok=True)
        (self.proc / str(pid) / name).write_text(text)

    def _find(self, programs: Collection[str]) -> list[Process]:
        return [process for process in self.running if process.program in programs]

    def _place(self, pid: str, namespace: Path) -> None:
        folder = self.proc / pid
        (folder / "ns").mkdir(parents=True)
        (folder / "ns/net").symlink_to(namespace)
        self.root.mkdir(exist_ok=True)
        (folder / "root").symlink_to(self.root)
        (folder / "cwd").symlink_to(self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nobody_else_is_nobody(machine: Machine) -> None:
    machine.start("bash")
    assert machine.watch()() == ()


def test_keepalived_is_one_owner_with_its_children_and_owns_what_its_file_names(machine: Machine) -> None:
    machine.write("/etc/keepalived/keepalived.conf", KEEPALIVED)
    pid = machine.start("keepalived", "-n")
    machine.start("keepalived", "-n", parent=pid)
    assert machine.watch()() == (Owner("keepalived", pid, "/etc/keepalived/keepalived.conf", frozenset({SHOP})),)


@pytest.mark.parametrize(
    "words",
    [
        ("-f", "/etc/lb.conf"),
        ("-f/etc/lb.conf",),
        ("-nlf", "/etc/lb.conf"),
        ("--use-file=/etc/lb.conf",),
        ("--use-file", "/etc/lb.conf"),
        ("-p", "/run/f.pid", "-Df", "/etc/lb.conf"),
        ("-f", "etc/lb.conf"),
    ],
)
def test_keepalived_is_asked_for_its_file_by_its_own_options(machine: Machine, words: tuple[str, ...]) -> None:
    machine.write("/etc/lb.conf", KEEPALIVED)
    machine.start("keepalived", *words)
    assert [owner.services for owner in machine.watch()()] == [frozenset({SHOP})]


def test_keepalived_that_runs_vrrp_alone_owns_nothing(machine: Machine) -> None:
    machine.start("keepalived", "--vrrp")
    assert machine.watch()() == ()


def test_a_process_in_another_network_namespace_has_another_table(machine: Machine) -> None:
    machine.start("kube-proxy", "--proxy-mode=ipvs", elsewhere=True)
    assert machine.watch()() == ()


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ((PERL, "/usr/sbin/ldirectord", "start"), "/etc/ha.d/ldirectord.cf"),
        ((PERL, "-w", "/usr/sbin/ldirectord", "-d", "shop.cf", "start"), "/etc/ha.d/conf/shop.cf"),
        (("/opt/l.cf", "start"), "/opt/l.cf"),
    ],
)
def test_ldirectord_looks_for_its_file_in_its_own_folders(machine: Machine, words: tuple[str, ...], name: str) -> None:
    machine.write(name, "virtual=192.0.2.10:443\n")
    pid = machine.start("ldirectord", *words)
    assert machine.watch()() == (Owner("ldirectord", pid, name, frozenset({SHOP})),)


def test_kube_proxy_owns_everything_in_ipvs_mode_only(machine: Machine) -> None:
    machine.write("/var/lib/kube-proxy/config.conf", 'kind: KubeProxyConfiguration\nmode: "ipvs"\n')
    machine.write("/var/lib/kube-proxy/other.conf", "mode: iptables\n")
    by_option = machine.start("kube-proxy", "--proxy-mode", "ipvs")
    by_file = machine.start("kube-proxy", "--config=/var/lib/kube-proxy/config.conf")
    machine.start("kube-proxy", "--config=/var/lib/kube-proxy/other.conf")
    machine.start("kube-proxy")
    assert machine.watch()() == (Owner("kube-proxy", by_option), Owner("kube-proxy", by_file))


@pytest.mark.parametrize("program", ["dockerd", "kube-router", "kube-vip", "surealived", "ipvssync"])
def test_programs_that_write_services_own_all_of_them_where_nothing_shows_that_they_do_something_else(
    machine: Machine, program: str
) -> None:
    pid = machine.start(program)
    assert machine.watch()() == (Owner(program, pid),)


def test_dockerd_owns_services_in_a_swarm_only_and_in_the_namespaces_that_it_made(machine: Machine) -> None:
    pid = machine.start("dockerd", elsewhere=True)
    machine.write("/var/lib/docker/swarm/docker-state.json", "{}")
    assert machine.watch()() == ()
    machine.dockers.mkdir()
    (machine.dockers / "ingress_sbox").hardlink_to(machine.namespace)
    assert machine.watch()() == (Owner("dockerd", pid),)
    (machine.root / "var/lib/docker/swarm/docker-state.json").unlink()
    assert machine.watch()() == ()


def test_kube_router_that_is_no_service_proxy_owns_nothing(machine: Machine) -> None:
    machine.start("kube-router", "--run-service-proxy=false")
    pid = machine.start("kube-router", "--run-service-proxy=true")
    assert machine.watch()() == (Owner("kube-router", pid),)


@pytest.mark.parametrize("program", ["k3s", "k3s-server", "k3s-agent"])
def test_k3s_owns_services_where_the_kube_proxy_inside_is_in_ipvs_mode(machine: Machine, program: str) -> None:
    machine.start(program, "server")
    machine.start(program, "server", "--kube-proxy-arg=proxy-mode=iptables")
    joined = machine.start(program, "server", "--kube-proxy-arg=proxy-mode=ipvs")
    apart = machine.start(program, "server", "--kube-proxy-arg", "proxy-mode=ipvs")
    assert machine.watch()() == (Owner(program, joined), Owner(program, apart))


def test_k3s_that_hides_its_command_line_is_known_by_its_configuration_or_by_the_interface(machine: Machine) -> None:
    configured = machine.start("k3s-server", "server", "--config", "/etc/k3s.yaml")
    machine.write("/etc/k3s.yaml", 'kube-proxy-arg:\n  - "proxy-mode=ipvs"\n')
    shown = machine.start("k3s-server", "server")
    machine.say(shown, "net/dev", "Inter-|   Receive\n face |bytes\n    lo: 0\nkube-ipvs0:       0\n")
    plain = machine.start("k3s-server", "server")
    machine.say(plain, "net/dev", "Inter-|   Receive\n face |bytes\n    lo: 0\n  eth0: 0\n")
    assert machine.watch()() == (Owner("k3s-server", configured), Owner("k3s-server", shown))


@pytest.mark.parametrize(
    ("words", "environment", "owns"),
    [
        (("manager",), "vip_arp=true\0cp_enable=true\0", False),
        (("manager",), "vip_arp=true\0lb_enable=true\0", True),
        (("manager",), "lb_enable=false\0", False),
        (("start", "--enableLoadBalancer"), "vip_arp=true\0", True),
        (("start", "--enableLoadBalancer=false"), "PATH=/bin\0", False),
        (("manager",), "PATH=/bin\0", True),
    ],
)
def test_kube_vip_owns_services_where_it_balances(
    machine: Machine, words: tuple[str, ...], environment: str, owns: bool
) -> None:
    pid = machine.start("kube-vip", *words)
    machine.say(pid, "environ", environment)
    assert machine.watch()() == ((Owner("kube-vip", pid),) if owns else ())


def test_another_lvstui_is_named_but_owns_nothing_and_a_demo_is_not(machine: Machine) -> None:
    pid = machine.start("lvstui")
    machine.start("lvstui", "--demo")
    (owner,) = machine.watch()()
    assert owner == Owner("lvstui", pid, services=frozenset())
    assert not owner.owns(SHOP)


def test_it_looks_every_ten_seconds_and_reads_a_file_again_when_it_changed(machine: Machine) -> None:
    machine.write("/etc/keepalived/keepalived.conf", KEEPALIVED)
    machine.start("keepalived")
    watch = machine.watch()
    assert watch()[0].owns(SHOP)
    machine.write("/etc/keepalived/keepalived.conf", "# nothing left in here\n")
    assert watch()[0].owns(SHOP)
    machine.now += INTERVAL
    assert not watch()[0].owns(SHOP)
    machine.running.clear()
    machine.now += INTERVAL
    assert watch() == ()


def test_of_what_is_changed_the_services_of_others_are_reported() -> None:
    keepalived = Owner("keepalived", 7, services=frozenset({SHOP}))
    server = RealServer(endpoint("10.0.0.1:443"))
    changes = (
        change_timeouts(Timeouts(), Timeouts(tcp=7)),
        change_server(OTHER, None, server),
        change_server(SHOP, None, server),
        change_service(Service(SHOP), None),
    )
    assert find_claims([keepalived], changes) == {SHOP: keepalived}
    assert list(find_claims([Owner("kube-proxy", 8)], changes)) == [OTHER, SHOP]
    assert find_claims([], changes) == {}


def test_the_processes_of_this_machine_are_found_by_name() -> None:
    ours = next(process for process in processes({_name()}) if process.pid == os.getpid())
    assert ours.parent == os.getppid()
    assert ours.command[0].endswith(("python", "python3", "python3.11", "pytest"))


def _name() -> str:
    return Path("/proc/self/comm").read_text().strip()
