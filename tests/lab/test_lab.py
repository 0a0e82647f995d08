"""The lab itself, in either guest: IPVS, its schedulers, and the shop's servers behind its virtual services."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import net

pytestmark = [pytest.mark.kernel, pytest.mark.netfilter]

SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh")


@pytest.fixture(scope="module")
def shop() -> Iterator[None]:
    with net.shop():
        yield


def ipvsadm(*arguments: str) -> str:
    return subprocess.run(["ipvsadm", *arguments], check=True, text=True, capture_output=True).stdout


def test_the_kernel_has_ipvs() -> None:
    assert "IP Virtual Server version 1.2.1" in Path("/proc/net/ip_vs").read_text()


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_service_can_have_this_scheduler(scheduler: str) -> None:
    service = ("-t", "203.0.113.1:80")
    ipvsadm("-A", *service, "-s", scheduler)
    try:
        assert f"-A -t 203.0.113.1:80 -s {scheduler}" in ipvsadm("-Sn")
    finally:
        ipvsadm("-D", *service)


def test_the_kernel_loads_a_missing_module_by_itself() -> None:
    subprocess.run(["modprobe", "-r", "ip_vs_mh"], check=True)
    ipvsadm("-A", "-t", "203.0.113.1:80", "-s", "mh")
    ipvsadm("-D", "-t", "203.0.113.1:80")
    assert "ip_vs_mh " in Path("/proc/modules").read_text()


@pytest.mark.usefixtures("shop")
def test_real_servers_answer_through_the_virtual_services() -> None:
    targets = [("192.0.2.10", 443), ("192.0.2.20", 80), ("192.0.2.20", 443)]
    others = [("2001:db8:c::7", "2001:db8:1::10", 80), ("198.18.0.7", "192.0.2.10", 53)]
    answers = net.ask([*(("198.18.0.7", *target) for target in targets), *others])
    assert len(answers) == 5
    assert set(answers[:3]) <= {"rs1", "rs2"}
    assert answers[3] in {"rs1", "rs3"}
    assert answers[4] in {"rs2", "rs3"}
    assert net.LOG.read_text() == ""


@pytest.mark.usefixtures("shop")
def test_a_client_sticks_to_its_server_and_others_go_elsewhere() -> None:
    clients = [f"198.18.0.{number}" for number in range(20, 30)]
    answers = net.ask([(client, "192.0.2.10", 80) for client in clients for _ in range(3)])
    each_clients = [set(answers[start : start + 3]) for start in range(0, len(answers), 3)]
    assert len(each_clients) == 10
    assert all(len(servers) == 1 for servers in each_clients)
    assert len(set().union(*each_clients)) > 1


@pytest.mark.usefixtures("shop")
def test_one_mark_binds_http_and_https_of_a_client_network_together() -> None:
    ports = [(client, "192.0.2.20", port) for client in ("198.18.0.40", "198.18.0.41") for port in (80, 443)]
    answers = net.ask(ports)
    assert answers[0] in net.SERVERS
    assert len(set(answers)) == 1


@pytest.mark.usefixtures("shop")
def test_ipvsadm_sees_the_connection_and_its_persistence_entry() -> None:
    server = net.ask([("198.18.0.50", "192.0.2.10", 80)])[0]
    address = {"rs1": "10.0.0.11", "rs2": "10.0.0.12", "rs3": "10.0.0.13"}[server]
    lines = [line.split() for line in ipvsadm("-Lcn").splitlines() if "198.18.0.50:" in line]
    assert {line[-1] for line in lines} == {f"{address}:80"}
    assert "198.18.0.50:0" in {line[3] for line in lines}
