"""What ldirectord writes into its monitor file, as its own program writes it."""

from __future__ import annotations

from pathlib import Path

from lvstui.host.claims import ldirectord_claims
from lvstui.host.monitors import remarks
from tests.build import address_key

CONFIG = """\
checktimeout=3
virtual=192.0.2.10:80
        real=10.0.0.11:80 masq
        service=http
        monitorfile = "/var/log/shop.log"
virtual=192.0.2.25:25
        real=10.0.0.61:25 masq
"""
LINES = """\
cut off] [up] -
[Fri Nov 27 08:00:01 2026] [77] negotiate http tcp 10.0.0.11 80 1 masq /health OK [up] 200 OK
[Fri Nov 27 08:00:02 2026] [77] negotiate http tcp 10.0.0.12 80 1 masq /health OK [up] 200 OK
[Fri Nov 27 08:00:05 2026] [77] negotiate http tcp 10.0.0.11 80 1 masq /health OK [down] 500 [sic] %7c
what nobody expects
"""


def test_the_newest_remark_on_each_server_counts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "etc/ldirectord.cf").write_text(CONFIG)
    (tmp_path / "var/log/shop.log").write_text(LINES)
    claims = ldirectord_claims(Path("/etc/ldirectord.cf"), tmp_path)
    shop = address_key("tcp:192.0.2.10:80")
    assert claims.monitors == {shop: tmp_path / "var/log/shop.log"}
    found = list(remarks(claims.monitors))
    assert [(one.service, one.about.split()[3], one.state, one.message) for one in found] == [
        (shop, "10.0.0.11", "down", "500 [sic] %7c"),
        (shop, "10.0.0.12", "up", "200 OK"),
    ]
    assert found[0].at == "Fri Nov 27 08:00:05 2026"


def test_of_what_cannot_be_read_there_are_no_remarks(tmp_path: Path) -> None:
    shop = address_key("tcp:192.0.2.10:80")
    assert not list(remarks({shop: tmp_path / "missing"}))
    assert not list(remarks({shop: tmp_path}))
