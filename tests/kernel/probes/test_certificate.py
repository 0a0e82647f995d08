"""Certificates as servers show them are read without a library for that."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lvstui.kernel.probes.certificate import Certificate, Malformed, read_certificate

FOLDER = Path(__file__).parent / "certificates"


def der(name: str) -> bytes:
    """Return a certificate of ours in DER."""
    text = (FOLDER / f"{name}.pem").read_text(encoding="ascii")
    return ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") :])


def test_whom_it_is_for_who_signed_it_and_how_long_it_lasts() -> None:
    assert read_certificate(der("valid")) == Certificate(
        ("shop.example.net", "*.shop.example.net", "192.0.2.10", "2001:db8::10"),
        "Test authority",
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2126, 1, 1, tzinfo=UTC),
        signs_itself=False,
    )
    own = read_certificate(der("own"))
    assert (own.names, own.issuer, own.signs_itself) == (("old.example.net",), "old.example.net", True)


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("shop.example.net", True),
        ("SHOP.Example.net.", True),
        ("a.shop.example.net", True),
        ("a.b.shop.example.net", False),
        ("example.net", False),
        ("*.example.net", False),
        ("192.0.2.10", True),
        ("192.0.2.1", False),
        ("2001:db8:0::10", True),
        ("net", False),
    ],
)
def test_a_star_stands_for_one_label(name: str, fits: bool) -> None:
    assert read_certificate(der("valid")).fits(name) is fits


def test_how_long_it_lasts_is_said_in_days() -> None:
    found = read_certificate(der("expired"))
    end = datetime(2026, 11, 1, tzinfo=UTC)
    assert found.lasts(end - timedelta(9, 5), 0) == (True, "9 days left (until 2026-11-01)")
    assert found.lasts(end - timedelta(9, 5), 14) == (False, "9 days left (until 2026-11-01), fewer than 14")
    assert found.lasts(end - timedelta(1), 1) == (True, "1 day left (until 2026-11-01)")
    assert found.lasts(end - timedelta(0, 5), 0) == (True, "less than a day left (until 2026-11-01)")
    assert found.lasts(end + timedelta(3), 0) == (False, "expired 3 days ago (2026-11-01)")
    assert read_certificate(der("early")).lasts(end, 0) == (False, "not valid before 2125-12-01")


def test_what_is_no_certificate_is_refused_and_nothing_else_happens() -> None:
    assert len(read_certificate(der("hostile")).names) == 201
    whole = der("valid")
    for size in range(len(whole)):
        with pytest.raises(Malformed):
            read_certificate(whole[:size])
    for place in range(len(whole)):
        for value in (0, 0x80, 0xFF, whole[place] ^ 1):
            try:
                read_certificate(whole[:place] + bytes((value,)) + whole[place + 1 :])
            except Malformed:
                continue
