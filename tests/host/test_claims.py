"""Which services keepalived's and ldirectord's configurations name, read from real-looking files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lvstui.core import fields
from lvstui.host.claims import Claims, keepalived_claims, ldirectord_claims

KEEPALIVED = """\
! the shop's director
global_defs {
    router_id lb1   # virtual_server 192.0.2.99 1 is only talked about
}
$VIP=192.0.2.10
include conf.d/*.conf
virtual_server $VIP 443 {
    delay_loop 5
    protocol TCP
    real_server 10.0.0.11 443 {
        weight 3
        TCP_CHECK { connect_timeout 3 }
    }
    real_server 10.0.0.12 443 { weight 1 }
}
virtual_server ${VIP} 53
{
    protocol UDP
}
virtual_server fwmark 80 {
    ip_family inet
}
virtual_server_group pair {
    192.0.2.20-21 5060
    198.51.100.8/31 5060
    fwmark 7 inet6
}
virtual_server group pair {
    protocol UDP
}
@lb2 virtual_server 192.0.2.40 {
    protocol SCTP
}
"""
INCLUDED = """\
virtual_server 2001:db8::10 80 {
    protocol TCP
    real_server fd00::11 80 { weight 1 }
}
"""
LDIRECTORD = """\
checktimeout=3
# virtual=192.0.2.99:1
virtual=192.0.2.30:80
\treal=10.0.0.13:80 masq 5
\tprotocol=tcp
virtual=192.0.2.30:53
\treal=10.0.0.13:53 masq 1
virtual = 192.0.2.30:https
virtual=9
\tprotocol=fwm
virtual6=10
virtual6=[2001:db8::30]:5060
    protocol = udp
"""


def texts(claims: Claims) -> set[str]:
    assert claims.services is not None
    return {fields.service_text(key) for key in claims.services}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written


Write = Callable[[str, str], Path]


def test_keepalived_names_its_virtual_servers_groups_and_includes(write: Write) -> None:
    included = write("conf.d/api.conf", INCLUDED)
    path = write("keepalived.conf", KEEPALIVED)
    claims = keepalived_claims(path)
    assert texts(claims) == {
        "tcp:192.0.2.10:443",
        "udp:192.0.2.10:53",
        "mark:80",
        "udp:192.0.2.20:5060",
        "udp:192.0.2.21:5060",
        "udp:198.51.100.8:5060",
        "udp:198.51.100.9:5060",
        "mark6:7",
        "sctp:192.0.2.40:0",
        "tcp:[2001:db8::10]:80",
    }
    assert {path, included, included.parent} == set(claims.files)


def test_a_mark_without_a_family_is_claimed_for_both(write: Write) -> None:
    assert texts(keepalived_claims(write("a", "virtual_server fwmark 80 {\n}\n"))) == {"mark:80", "mark6:80"}


@pytest.mark.parametrize(
    ("entry", "count", "last"),
    [
        ("192.0.2.250-192.0.3.10 80", 17, "tcp:192.0.3.10:80"),
        ("2001:db8::1-a 80", 10, "tcp:[2001:db8::a]:80"),
        ("192.0.2.1", 1, "tcp:192.0.2.1:0"),
    ],
)
def test_a_range_is_claimed_address_by_address(write: Write, entry: str, count: int, last: str) -> None:
    text = f"virtual_server_group g {{\n {entry}\n}}\nvirtual_server group g {{\n protocol TCP\n}}\n"
    found = texts(keepalived_claims(write("a", text)))
    assert len(found) == count
    assert last in found


@pytest.mark.parametrize(
    "text",
    [
        "virtual_server $UNKNOWN 80 {\n}\n",
        "virtual_server group nowhere {\n}\n",
        "virtual_server 192.0.2.1 80 {\n protocol DCCP\n}\n",
        "virtual_server {\n}\n",
        "~SEQ(VIP, 1, 5) virtual_server 192.0.2.$VIP 80 {\n}\n",
        "virtual_server_group g {\n 10.0.0.0/8 80\n}\nvirtual_server group g {\n}\n",
        "include a\n",
        f"include {'x/' * 3000}y\n",
    ],
)
def test_what_is_not_understood_claims_every_service(write: Write, text: str) -> None:
    assert keepalived_claims(write("a", text)).services is None


def test_a_file_that_is_not_there_claims_every_service_and_is_still_watched(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.conf"
    assert keepalived_claims(path) == Claims(None, (path,))
    assert ldirectord_claims(path) == Claims(None, (path,))


def test_a_process_in_a_container_is_read_below_its_own_root(write: Write, tmp_path: Path) -> None:
    write("etc/keepalived/keepalived.conf", "include /etc/keepalived/more.conf\n")
    write("etc/keepalived/more.conf", "virtual_server 192.0.2.1 80 {\n protocol TCP\n}\n")
    assert texts(keepalived_claims(Path("/etc/keepalived/keepalived.conf"), tmp_path)) == {"tcp:192.0.2.1:80"}


def test_ldirectord_names_its_virtual_services_with_their_protocols(write: Write) -> None:
    assert texts(ldirectord_claims(write("ldirectord.cf", LDIRECTORD))) == {
        "tcp:192.0.2.30:80",
        "udp:192.0.2.30:53",
        "tcp:192.0.2.30:443",
        "mark:9",
        "mark6:10",
        "udp:[2001:db8::30]:5060",
    }


def test_a_host_name_in_ldirectord_claims_every_service(write: Write) -> None:
    assert ldirectord_claims(write("ldirectord.cf", "virtual=www.example.com:80\n")).services is None


def test_a_virtual_server_of_keepalived_without_a_protocol_is_udp(write: Write) -> None:
    path = write(
        "keepalived.conf",
        """\
virtual_server 10.3.0.1 443 {
  lvs_sched rr
  lvs_method DR
  real_server 192.168.1.9 443 {
    weight 1
  }
}
virtual_server 10.3.0.2 443 {
  protocol TCP
}
virtual_server fwmark 9 {
  ip_family inet
}
""",
    )
    assert texts(keepalived_claims(path)) == {"udp:10.3.0.1:443", "tcp:10.3.0.2:443", "mark:9"}


def test_groups_that_keepalived_marks_itself_claim_every_service(write: Write) -> None:
    group = "virtual_server_group web {\n 192.0.2.1-9 80\n}\nvirtual_server group web {\n protocol TCP\n}\n"
    marked = f"global_defs {{\n nftables_ipvs\n}}\n{group}"
    assert keepalived_claims(write("marked.conf", marked)).services is None
    assert len(texts(keepalived_claims(write("plain.conf", group)))) == 9
