"""How a service's probe is written: what each field takes, and what another type makes of it."""

from __future__ import annotations

import pytest

from lvstui.core import probe_fields
from lvstui.core.attributes import SERVICE
from lvstui.core.describe import probe_text
from lvstui.core.fields import FieldError
from lvstui.core.model import DnsRecord, Probe, ProbeType, Service, Statuses
from tests.build import SHOP

PLAIN = Service(SHOP)


def probe_of(**texts: str) -> Probe | None:
    """Return the probe that these texts of its fields make."""
    return SERVICE.assign(PLAIN, {f"probe.{name}": text for name, text in texts.items()}).probe


def test_every_field_is_set_by_its_full_name() -> None:
    assert probe_of(type="HTTPS", path="/a?b=c", status="200-299, 301", name="shop.example.net", days="14") == Probe(
        ProbeType.HTTPS,
        path="/a?b=c",
        status=(Statuses(200, 299), Statuses(301, 301)),
        name="shop.example.net",
        days=14,
    )
    assert probe_of(type="dns", name=".", record="soa", port="5353", timeout="0.1") == Probe(
        ProbeType.DNS, 5353, name=".", record=DnsRecord.SOA, timeout=0.1
    )
    assert probe_of(type="udp", send="hex:00 ff", expect="pong") == Probe(
        ProbeType.UDP, send="hex:00 ff", expect="pong"
    )


def test_the_type_alone_makes_a_probe_and_none_takes_it_away() -> None:
    asked = SERVICE.assign(PLAIN, {"probe": "smtp"})
    assert asked.probe == Probe(ProbeType.SMTP)
    assert SERVICE.assign(asked, {"probe": "none"}) == PLAIN


def test_a_name_and_a_timeout_alone_are_those_of_the_service_and_its_persistence() -> None:
    service = SERVICE.assign(PLAIN, {"probe": "https", "name": "shop", "timeout": "60"})
    assert (service.name, service.probe) == ("shop", Probe(ProbeType.HTTPS))
    assert service.persistence is not None
    assert service.persistence.timeout == 60


def test_another_type_keeps_what_it_has_a_use_for() -> None:
    web = Probe(ProbeType.HTTPS, 8443, "/health", name="shop.example.net", days=7, timeout=1.0)
    asked = Service(SHOP, probe=web)
    assert SERVICE.assign(asked, {"probe": "tls"}).probe == Probe(
        ProbeType.TLS, 8443, name="shop.example.net", days=7, timeout=1.0
    )
    assert SERVICE.assign(asked, {"probe.type": "tcp"}).probe == Probe(port=8443, timeout=1.0)
    assert SERVICE.assign(asked, {"probe": "https"}).probe == web


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("type", "htpp", 'must be tcp, tls, http, https, dns, smtp or udp, not "htpp"; did you mean http?'),
        ("type", "ping\x1b[31m", r'or udp, not "ping\x1b[31m"'),
        ("path", "health", 'must begin with / and be ASCII without spaces, not "health"'),
        ("path", "/a b", "without spaces"),
        ("path", "/a\r\nHost: x", "without spaces"),
        ("path", "/ü", "ASCII"),
        ("path", "/" * 1025, "at most 1024 characters long, not 1025"),
        ("status", "600", "a status from 100 to 599, a range such as 200-299, or several with commas"),
        ("status", "", "a status"),
        ("status", "200-", None),
        ("status", "299-200", '"299-200" runs backwards: write 200-299'),
        ("name", "a b", "must be a name such as shop.example.net"),
        ("name", "-" * 64, "must be a name"),
        ("name", "a." * 127, "must be a name"),
        ("name", "fe80::1%eth0", "must be a name"),
        ("name", "bücher.example", "xn--"),
        ("record", "MX", 'must be A, NS, SOA, AAAA, not "MX"'),
        ("send", "hex:0g", "needs pairs of hexadecimal digits"),
        ("send", "\ud800", "UTF-8"),
        ("expect", "x" * 1025, "at most 1024 bytes long, not 1025"),
        ("days", "3651", "must be from 0 to 3650"),
        ("timeout", "0", "must be 0.1 to 30 seconds"),
        ("timeout", "30.001", "must be 0.1 to 30 seconds"),
        ("timeout", "nan", "must be 0.1 to 30 seconds"),
        ("timeout", "2s", "must be 0.1 to 30 seconds"),
    ],
)
def test_what_a_field_cannot_be_is_said(field: str, text: str, sentence: str | None) -> None:
    if sentence is None:
        assert probe_of(**{field: text}) == Probe(status=(Statuses(200, 200),))
        return
    with pytest.raises(FieldError) as caught:
        probe_of(**{field: text})
    assert caught.value.field == f"probe.{field}"
    assert sentence in caught.value.sentence
    assert caught.value.sentence.isprintable()


@pytest.mark.parametrize("name", ["shop.example.net", "_sip._udp.example.net.", "192.0.2.7", "2001:db8::7", "."])
def test_names_and_addresses_are_taken(name: str) -> None:
    assert probe_fields.name(f" {name} ") == name


def test_a_payload_is_its_text_or_hexadecimal_digits() -> None:
    assert probe_fields.payload("é") == b"\xc3\xa9"
    assert probe_fields.payload("hex:00 FF") == b"\x00\xff"


def test_a_probe_is_described_by_what_differs_from_the_usual() -> None:
    assert probe_text(None) == "none"
    assert probe_text(Probe()) == "tcp"
    web = Probe(ProbeType.HTTP, path="/health", status=(Statuses(200, 200),), timeout=0.5)
    assert probe_text(web) == "http path /health status 200 timeout 0.5s"
    assert probe_text(Probe(ProbeType.DNS, name="example.net", record=DnsRecord.SOA)) == "dns name example.net SOA"
