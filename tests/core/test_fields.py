"""Text to value and back: what is taken, what is refused and with which sentence."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lvstui.core import fields
from lvstui.core.attributes import SERVER
from lvstui.core.fields import FieldError
from lvstui.core.model import (
    INT_MAX,
    AddressKey,
    Endpoint,
    Family,
    Forwarding,
    MarkKey,
    Persistence,
    Protocol,
    ServiceFlags,
    ServiceKey,
    SyncRole,
    TunnelType,
)
from tests.build import address_key
from tests.core.strategies import laws

VIP = IPv4Address("192.0.2.10")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("tcp:192.0.2.10:443", AddressKey(Protocol.TCP, VIP, 443)),
        (" UDP:192.0.2.10:0 ", AddressKey(Protocol.UDP, VIP, 0)),
        ("sctp:[2001:db8::10]:99", address_key("sctp:[2001:db8::10]:99")),
        ("ip47:192.0.2.10:1", AddressKey(Protocol(47), VIP, 1)),
        ("ip6:192.0.2.10:443", AddressKey(Protocol.TCP, VIP, 443)),
        ("mark:80", MarkKey(80, Family.IPV4)),
        ("mark6:4294967295", MarkKey(2**32 - 1, Family.IPV6)),
    ],
)
def test_a_service_is_read_from_its_notation(text: str, key: ServiceKey) -> None:
    assert fields.service(text) == key


_addresses = st.ip_addresses()
_keys: st.SearchStrategy[ServiceKey] = st.one_of(
    st.builds(
        AddressKey, st.sampled_from([Protocol(n) for n in (6, 17, 132, 47, 65535)]), _addresses, st.integers(0, 65535)
    ),
    st.builds(MarkKey, st.integers(1, 2**32 - 1), st.sampled_from(Family)),
)


@laws
@given(_keys)
def test_a_service_is_written_as_it_is_read(key: ServiceKey) -> None:
    assert fields.service(fields.service_text(key)) == key


@laws
@given(st.builds(Endpoint, _addresses, st.integers(0, 65535)))
def test_a_server_is_written_as_it_is_read(endpoint: Endpoint) -> None:
    assert fields.server(fields.server_text(endpoint)) == endpoint


@laws
@given(st.one_of(st.text(), st.from_regex(r"(tcp|mark6?|ip\d+):[\[\]0-9a-f:.%]*", fullmatch=True)))
def test_whatever_is_typed_is_a_service_or_a_field_error(text: str) -> None:
    try:
        text_of = fields.service_text(fields.service(text))
    except FieldError as error:
        text_of = str(error)
    assert text_of.isprintable()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("192.0.2.10:443", '"192.0.2.10:443" is not a service such as tcp:192.0.2.10:443'),
        ("", '"" is not a service such as'),
        ("tcp:192.0.2.10", '"192.0.2.10" needs a port from 0 to 65535 at its end'),
        ("tcp:192.0.2.10:70000", "needs a port from 0 to 65535"),
        ("tcp:192.0.2.10:٣", "needs a port from 0 to 65535"),
        ("tcp:2001:db8::1:443", "needs [ ] around an IPv6 address"),
        ("tcp:[192.0.2.10]:443", "needs [ ] around an IPv6 address, and only there"),
        ("tcp:www.example.com:80", '"www.example.com" is not an IPv4 or IPv6 address'),
        ("tcp:[fe80::1%eth0]:80", '"fe80::1%eth0" is not an IPv4 or IPv6 address'),
        ("mark:0", "needs a mark from 1 to 4294967295"),
        ("mark:4294967296", "needs a mark from 1 to 4294967295"),
        ("ip65536:192.0.2.1:1", "is not a service"),
    ],
)
def test_a_wrong_service_is_refused_with_an_example(text: str, sentence: str) -> None:
    with pytest.raises(FieldError) as caught:
        fields.service(text)
    assert caught.value.field == "service"
    assert sentence in caught.value.sentence


def test_numbers_keep_to_the_limits_of_their_field() -> None:
    assert SERVER.number("weight", " 2147483647 ") == INT_MAX
    assert SERVER.number("weight", "0") == 0
    for wrong in ("-1", "1.5", "²", "", "2147483648", "9" * 5000):
        with pytest.raises(FieldError, match=r"weight: must be .*from 0 to 2147483647"):
            SERVER.number("weight", wrong)
    with pytest.raises(FieldError, match="prefix: must be from 1 to 128"):
        fields.number("prefix", 0)


@pytest.mark.parametrize("value", [Forwarding(n) for n in range(8)])
def test_every_forwarding_of_the_kernel_has_a_word(value: Forwarding) -> None:
    assert fields.forwarding(fields.forwarding_text(value)) is value


@pytest.mark.parametrize("number", [*range(6), 255])
def test_every_tunnel_of_the_kernel_has_a_word(number: int) -> None:
    assert fields.tunnel_type(fields.tunnel_type_text(TunnelType(number))) is TunnelType(number)
    assert fields.checksum(fields.checksum_text(number)) == number


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (fields.forwarding, "nat", 'forwarding: must be masq, route or tunnel, not "nat"'),
        (fields.forwarding, "forwarding-8", "forwarding: must be masq"),
        (fields.scheduler, "", "scheduler: must be a name"),
        (fields.scheduler, "w lc", "scheduler: must be a name without spaces"),
        (fields.scheduler, "x" * 16, "scheduler: must be at most 15 bytes long"),
        (fields.interface, "eth0\n", None),
        (fields.interface, "eth\x1b0", r'interface: must be a name without spaces, not "eth\x1b0"'),
        (fields.engine, "é" * 9, "engine: must be at most 16 bytes long"),
        (fields.netmask, "255.255.256.0", "netmask: must be a netmask such as 255.255.255.0"),
        (fields.tunnel_type, "vxlan", 'tunnel.type: must be ipip, gue, gre, not "vxlan"'),
        (fields.checksum, "yes", 'tunnel.checksum: must be nocsum, csum, remcsum, not "yes"'),
        (fields.role, "slave", "role: must be master or backup"),
    ],
)
def test_wrong_words_are_refused_with_the_right_ones(
    read: Callable[[str], object], text: str, sentence: str | None
) -> None:
    if sentence is None:
        assert read(text) == text.strip()
        return
    with pytest.raises(FieldError) as caught:
        read(text)
    assert sentence in str(caught.value)


def test_flags_are_named_after_the_scheduler_that_takes_them() -> None:
    both = ServiceFlags.SCHED_1 | ServiceFlags.SCHED_2
    assert fields.flag_words(both, "sh") == ("sh-fallback", "sh-port")
    assert fields.flag_words(both, "mh") == ("mh-fallback", "mh-port")
    assert fields.flag_words(both, "wlc") == ("flag-1", "flag-2")
    assert fields.flags(("sh-port",), "sh") == ServiceFlags.SCHED_2
    assert fields.flags(("flag-2", "flag-3"), "sh") == ServiceFlags.SCHED_2 | ServiceFlags.SCHED_3


@pytest.mark.parametrize("scheduler", ["sh", "mh", "wlc"])
@pytest.mark.parametrize("bits", range(0, 0x40, 4))
def test_flags_are_written_as_they_are_read(scheduler: str, bits: int) -> None:
    value = ServiceFlags(bits)
    assert fields.flags(fields.flag_words(value, scheduler), scheduler) == value


def test_a_flag_of_another_scheduler_is_refused_with_the_right_names() -> None:
    with pytest.raises(FieldError, match='flags: "sh-port" is none of one-packet, flag-1, flag-2, flag-3'):
        fields.flags(("sh-port",), "wlc")


@pytest.mark.parametrize(
    ("text", "family", "value"),
    [
        ("255.255.255.0", Family.IPV4, IPv4Address("255.255.255.0")),
        ("/24", Family.IPV4, IPv4Address("255.255.255.0")),
        ("0", Family.IPV4, IPv4Address("0.0.0.0")),
        ("/64", Family.IPV6, 64),
        ("128", Family.IPV6, 128),
    ],
)
def test_the_width_of_an_entry_is_a_netmask_or_a_prefix(text: str, family: Family, value: IPv4Address | int) -> None:
    assert fields.mask(text, family) == value


@pytest.mark.parametrize(
    ("text", "family"), [("33", Family.IPV4), ("00249", Family.IPV4), ("129", Family.IPV6), ("ffff::", Family.IPV6)]
)
def test_a_width_out_of_range_is_refused(text: str, family: Family) -> None:
    with pytest.raises(FieldError, match=r"netmask|prefix"):
        fields.mask(text, family)


def test_a_netmask_with_holes_is_recognised() -> None:
    whole = [IPv4Address((0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF) for length in range(33)]
    assert all(Persistence(mask=mask).prefix is not None for mask in whole)
    assert Persistence(mask=IPv4Address("255.0.255.0")).prefix is None
    assert Persistence(mask=IPv4Address("0.0.0.255")).prefix is None


def test_roles_are_read_as_they_are_written() -> None:
    assert [fields.role(word) for word in fields.ROLE_WORDS.values()] == [SyncRole.MASTER, SyncRole.BACKUP]


def test_control_characters_are_made_visible() -> None:
    assert fields.visible("naïve [b]") == "naïve [b]"
    assert fields.visible("\x1b[31m\n\u202e\ud800") == "\\x1b[31m\\n\\u202e\\ud800"


@pytest.mark.parametrize(
    "name",
    [
        "Gerät-é-ü",
        "Сервер ёлка",
        "日本語",
        "हिन्दी",
        "क्षि",
        "ไทย กำลัง",
        "தமிழ்",
        "עִבְרִית",
        "العَرَبِيَّة",
        "မြို့",
        "한국어",
        "Tiếng Việt",
        "Ελλάς",
    ],
)
def test_names_stay_readable_in_their_own_scripts(name: str) -> None:
    composed = unicodedata.normalize("NFC", name)
    assert fields.visible(composed) == composed
    assert fields.visible(unicodedata.normalize("NFD", name)) == composed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cafe\u0301", "café"),
        ("q\u0301", r"q\u0301"),
        ("e" + "\u0301" * 3, r"é\u0301\u0301"),
        ("क" + "\u0301", r"क\u0301"),
        ("a\u093f", r"a\u093f"),
        ("\u093f", r"\u093f"),
        ("ก" + "\u0e48" * 6, "ก" + "\u0e48" * 4 + r"\u0e48\u0e48"),
        ("\u20dd\ufe0f", r"\u20dd\ufe0f"),
        ("\u115f\u3164\u2800", r"\u115f\u3164\u2800"),
        ("\x85\x9b\u2028\u2029\ufeff\u200b\u2066\xad", r"\x85\x9b\u2028\u2029\ufeff\u200b\u2066\xad"),
    ],
)
def test_what_hides_or_piles_up_is_escaped(text: str, shown: str) -> None:
    assert fields.visible(text) == shown
    assert fields.visible(shown) == shown


def test_names_and_notes_have_an_end() -> None:
    assert fields.label("name", "é" * 256) == "é" * 256
    assert fields.label("note", "x" * 4096) == "x" * 4096
    with pytest.raises(FieldError, match="name: must be at most 256 characters long, not 1000000"):
        fields.label("name", "x" * 1_000_000)
    with pytest.raises(FieldError, match="note: must be at most 4096"):
        fields.label("note", "x" * 4097)


def test_a_name_that_no_file_can_hold_is_refused() -> None:
    assert fields.label("name", "\x00\x1b") == "\x00\x1b"
    with pytest.raises(FieldError, match=r"name: .* UTF-8"):
        fields.label("name", "\ud800")
