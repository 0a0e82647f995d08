"""The doctor's questions about the director as a whole."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lvstui.core.doctor.facts import Hearing
from lvstui.core.doctor.finding import State
from lvstui.core.doctor.questions import examine
from lvstui.core.model import Family, Forwarding, SyncDaemon, SyncRole
from lvstui.core.observed import Info, Scan, ServerStats, Stats
from lvstui.core.trace.route import Route
from lvstui.core.view.brief import compact
from tests.build import connection, director, pool, server
from tests.core.doctor.facts import (
    findings,
    healthy,
    only,
    seen_of,
    with_counts,
    with_route,
    with_setting,
)

RS1, RS2 = ip_address("10.0.0.11"), ip_address("10.0.0.12")
WEB = pool("tcp:192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80")
SIX = pool("tcp:[2001:db8::10]:80", "[fd00::11]:80")
DIRECT = pool("tcp:192.0.2.30:80", server("10.0.0.31:80"))
FTP = pool("tcp:192.0.2.10:21", "10.0.0.11:21")


def test_a_healthy_director_has_no_finding() -> None:
    report = examine(healthy(WEB, SIX, DIRECT, FTP))
    assert report.count(State.FINE) == len(report.findings) > 30


def test_of_a_director_without_services_nothing_is_wrong() -> None:
    assert findings(healthy()) == {}


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("ipv4/ip_forward", "sysctl -w net.ipv4.ip_forward=1"),
        ("ipv4/conf/eth1/forwarding", "sysctl -w net.ipv4.conf.eth1.forwarding=1"),
        ("ipv6/conf/all/forwarding", "sysctl -w net.ipv6.conf.all.forwarding=1"),
    ],
)
def test_forwarding_that_is_off_is_found_with_its_switch(path: str, remedy: str) -> None:
    found = only(with_setting(healthy(WEB, SIX), path, "0"))
    assert (found.question, found.answer.remedy) == ("forwarding", remedy)


def test_forwarding_matters_only_to_masqueraded_servers() -> None:
    assert findings(with_setting(healthy(DIRECT), "ipv4/ip_forward", "0")) == {}


def test_servers_on_this_machine_itself_need_no_forwarding() -> None:
    facts = with_setting(healthy(WEB), "ipv4/ip_forward", "0")
    for address in (RS1, RS2):
        facts = with_route(facts, address, kind="local", interface="lo")
    assert findings(facts) == {}


def test_forwarding_of_another_interface_than_the_servers_does_not_matter() -> None:
    assert findings(with_setting(healthy(WEB), "ipv4/conf/eth0/forwarding", "0")) == {}


def test_packets_that_rp_filter_dropped_while_one_looked_are_found() -> None:
    facts = replace(with_setting(healthy(WEB), "ipv4/conf/eth1/rp_filter", "1"), filtered=3)
    found = only(facts)
    assert found.question == "rp-filter"
    assert "rp_filter=2" in found.answer.remedy
    assert "eth1" in found.answer.remedy
    assert findings(replace(facts, filtered=0)) == {}


def test_the_larger_of_two_values_of_rp_filter_counts() -> None:
    facts = with_setting(with_setting(healthy(WEB), "ipv4/conf/all/rp_filter", "1"), "ipv4/conf/eth1/rp_filter", "2")
    facts = with_setting(facts, "ipv4/conf/eth0/rp_filter", "2")
    assert findings(replace(facts, filtered=3)) == {}


def test_drops_of_rp_filter_since_boot_matter_where_answers_are_missing() -> None:
    facts = with_setting(healthy(WEB), "ipv4/conf/eth1/rp_filter", "1")
    facts = replace(facts, network=replace(facts.network, filtered=9))
    assert findings(facts) == {}
    silent = {endpoint: ServerStats(stats=Stats(in_packets=50)) for endpoint in WEB.servers}
    assert set(findings(with_counts(facts, silent))) == {"rp-filter", "answers"}


def test_redirects_matter_where_clients_and_servers_are_reached_by_one_interface() -> None:
    facts = with_setting(healthy(WEB), "ipv4/conf/all/send_redirects", "1")
    assert findings(facts) == {}
    facts = replace(facts, back={**facts.back, Family.IPV4: Route("unicast", "eth1")})
    assert only(facts, State.WARNING).question == "redirects"


@pytest.mark.parametrize(("count", "state"), [("850", State.WARNING), ("980", State.WRONG), ("1000", State.WRONG)])
def test_a_full_table_of_connection_tracking_is_found(count: str, state: State) -> None:
    facts = with_setting(healthy(WEB), "netfilter/nf_conntrack_max", "1000")
    assert only(with_setting(facts, "netfilter/nf_conntrack_count", count), state).question == "conntrack"


@pytest.mark.parametrize(("rows", "state"), [(5000, State.WARNING), (20000, State.WRONG)])
def test_a_table_that_is_too_small_is_found_with_the_size_that_fits(rows: int, state: State) -> None:
    facts = healthy(WEB)
    counts = {endpoint: ServerStats(active=rows // 2) for endpoint in WEB.servers}
    facts = with_counts(facts, counts)
    reading = replace(facts.reading, info=Info("1.2.1", 1024))
    found = only(replace(facts, snapshot=replace(facts.snapshot, reading=reading)), state)
    assert found.question == "table"
    assert "conn_tab_bits" in found.answer.remedy
    assert f"connections: {compact(rows)} in a table of 1024 buckets" in found.answer.found


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [("drop_entry", "3", State.WRONG), ("drop_packet", "2", State.WRONG), ("secure_tcp", "3", State.WARNING)],
)
def test_a_defence_at_work_is_found(name: str, value: str, state: State) -> None:
    found = only(healthy(WEB, **{name: value}), state)
    assert (found.question, found.answer.found.startswith(f"{name} is {value}")) == ("defences", True)
    assert findings(healthy(WEB, **{name: "1"})) == {}


def test_backup_only_is_wrong_where_the_virtual_address_is_here() -> None:
    held = director(WEB)
    held = replace(held, sync={SyncRole.BACKUP: SyncDaemon(SyncRole.BACKUP, "eth0")})
    assert only(seen_of(held, backup_only="1")).question == "standing-aside"
    assert findings(seen_of(held)) == {}


def test_another_master_with_the_same_id_is_found_where_it_is_heard() -> None:
    held = replace(director(WEB), sync={SyncRole.MASTER: SyncDaemon(SyncRole.MASTER, "eth0", id=7)})
    facts = seen_of(held)
    assert findings(facts) == {}
    other = ip_address("192.0.2.3")
    assert findings(replace(facts, heard=Hearing(2.0, ((other, 8),)))) == {}
    assert str(other) in only(replace(facts, heard=Hearing(2.0, ((other, 7),)))).answer.found
    unheard = only(replace(facts, heard=Hearing(0.0, trouble="the right CAP_NET_RAW is missing")), State.UNKNOWN)
    assert unheard.answer.sentence == "could not be known, because the right CAP_NET_RAW is missing"


def test_ftp_by_masq_needs_its_module() -> None:
    facts = healthy(FTP)
    found = only(replace(facts, network=replace(facts.network, modules=frozenset({"ip_vs"}))))
    assert found.answer.remedy == "modprobe ip_vs_ftp"
    direct = healthy(pool("tcp:192.0.2.10:21", server("10.0.0.11:21", Forwarding.ROUTE)))
    assert only(direct).question == "ftp"  # without persistence


def test_clients_of_deleted_servers_hang_while_nothing_ends_their_connections() -> None:
    lost = connection("198.51.100.7:4000", "192.0.2.10:80", "10.0.0.99:80")
    kept = connection("198.51.100.8:4000", "192.0.2.10:80", "10.0.0.11:80")
    scan = Scan(connections=(lost, kept), complete=True)
    found = only(replace(healthy(WEB), scan=scan))
    assert (found.question, "10.0.0.99" in found.answer.found) == ("deleted", True)
    assert findings(replace(healthy(WEB, expire_nodest_conn="1"), scan=scan)) == {}
    ended = replace(scan, connections=(lost._replace(state="TIME_WAIT"), kept))
    assert findings(replace(healthy(WEB), scan=ended)) == {}
