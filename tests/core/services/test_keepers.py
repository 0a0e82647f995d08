"""Who else checks servers is named, with what can be seen of that and why it is not asked."""

from __future__ import annotations

from lvstui.core.model import ServerKey
from lvstui.core.record import Owner, Remark
from lvstui.core.services.keepers import keeper_lines
from tests.build import address_key, director, pool, server

WEB, MAIL = "tcp:192.0.2.10:80", "tcp:192.0.2.25:25"
HELD = director(pool(WEB, server("10.0.0.11:80"), server("10.0.0.12:80", weight=0)), pool(MAIL, server("10.0.0.61:25")))
KEYS = [ServerKey(key, endpoint) for key, held in HELD.pools.items() for endpoint in held.servers]


def test_a_program_that_checks_servers_shows_what_it_thinks_by_their_weight() -> None:
    owner = Owner("keepalived", 7, services=frozenset((address_key(WEB),)))
    (line,) = keeper_lines([owner], HELD, KEYS)
    assert line.startswith("keepalived (process 7) keeps tcp:192.0.2.10:80 and is not asked: it writes what its checks")
    assert line.endswith("weight 0 here: 10.0.0.12:80")


def test_one_whose_configuration_is_not_understood_may_keep_every_service() -> None:
    lines = list(keeper_lines([Owner("ldirectord", 8)], HELD, KEYS))
    assert [line.split(" and is not")[0] for line in lines] == [
        "ldirectord (process 8) may keep tcp:192.0.2.10:80",
        "ldirectord (process 8) may keep tcp:192.0.2.25:25",
    ]
    assert lines[1].endswith("weight 0 here: none")


def test_programs_that_check_nothing_are_not_named() -> None:
    assert not list(keeper_lines([Owner("kube-proxy", 9)], HELD, KEYS))


def test_what_a_program_wrote_about_a_server_stands_in_place_of_the_reason() -> None:
    key = address_key("tcp:[2001:db8::10]:80")
    held = director(pool(key, server("[fd00::11]:80", name="web1"), server("[fd00::12]:80"), server("[fd00::1]:80")))
    about = "negotiate http tcp [fd00 11] 80  1 masq  up"
    remarks = (Remark(key, about, "down", "Mon", "500"), Remark(address_key(WEB), about, "up", "Mon", "200"))
    owner = Owner("ldirectord", 8, services=frozenset((key,)), remarks=remarks)
    (line,) = keeper_lines([owner], held, [ServerKey(key, endpoint) for endpoint in held.pools[key].servers])
    assert "is not asked: it wrote last: web1 down (500; Mon). Servers that fail" in line
