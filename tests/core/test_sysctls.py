"""The sysctls of settings: what is right, what is refused, what is strange."""

from __future__ import annotations

import pytest

from lvstui.core.fields import FieldError
from lvstui.core.sysctls import SETTINGS, SettingKind, absence, doubt, name, read, same, slip, writable


def test_every_setting_says_what_it_is_for_in_few_plain_words() -> None:
    for setting in SETTINGS.values():
        assert name(setting.name) == setting.name
        assert setting.meaning.endswith(".")
        assert setting.meaning.isascii()
        assert 30 < len(setting.meaning) < 200
        assert len(setting.takes) < 80


def test_every_default_is_right_for_its_setting_and_nothing_strange() -> None:
    for setting in SETTINGS.values():
        if setting.default:
            assert read(setting.name, setting.default) == setting.default
            assert doubt(setting.name, setting.default) == ""


def test_what_is_sensible_lies_within_what_the_kernel_takes() -> None:
    for setting in SETTINGS.values():
        assert setting.limits[0] <= setting.sensible[0] <= setting.sensible[1] <= setting.limits[1]


@pytest.mark.parametrize(
    ("setting", "text", "written"),
    [
        ("conntrack", " 1\n", "1"),
        ("conntrack", "01", "1"),
        ("conntrack", "-0", "0"),
        ("sync_threshold", "3\t50", "3 50"),
        ("sync_threshold", "3 0", "3 0"),
        ("sync_threshold", "0  0", "0 0"),
        ("sync_ports", "64", "64"),
        ("sync_qlen_max", "18446744073709551615", "18446744073709551615"),
        ("est_cpulist", "0-3,8,16-31:1/2", "0-3,8,16-31:1/2"),
        ("est_cpulist", "", ""),
        ("of_a_newer_kernel", "any text\tat all", "any text at all"),
        ("of_a_newer_kernel", "007", "007"),
    ],
)
def test_a_value_is_written_as_the_kernel_writes_it(setting: str, text: str, written: str) -> None:
    assert read(setting, text) == written


@pytest.mark.parametrize(
    ("setting", "text", "sentence"),
    [
        ("conntrack", "yes", 'must be 0 or 1, not "yes"'),
        ("conntrack", "", 'must be 0 or 1, not ""'),
        ("conntrack", "1 1", 'must be 0 or 1, not "1 1"'),
        ("conntrack", "٣", "must be 0 or 1, not"),
        ("conntrack", "9" * 5000, "must be 0 or 1, not"),
        ("drop_entry", "4", 'must be 0 to 3, not "4"'),
        ("amemthresh", "2147483648", "must be 0 or more, not"),
        ("sync_ports", "6", 'must be a power of two from 1 to 64, not "6"'),
        ("sync_ports", "-1", "must be a power of two from 1 to 64"),
        ("sync_threshold", "50 3", "must be two numbers, the first below the second"),
        ("sync_threshold", "3 3", "must be two numbers"),
        ("sync_threshold", "-1 3", "must be two numbers"),
        ("sync_threshold", "1 2 3", "must be two numbers"),
        ("est_cpulist", "0-", "must be CPUs such as 0-3,8"),
        ("est_cpulist", "0,", "must be CPUs such as 0-3,8"),
        ("est_cpulist", "all", "must be CPUs such as 0-3,8"),
        ("of_a_newer_kernel", "\x1b[31m", "must be one line"),
        ("of_a_newer_kernel", "x" * 2000, "must be one line of at most 1000 plain characters"),
    ],
)
def test_a_value_that_the_kernel_refuses_or_mistakes_is_refused(setting: str, text: str, sentence: str) -> None:
    with pytest.raises(FieldError) as caught:
        read(setting, text)
    assert caught.value.field == setting
    assert caught.value.sentence.startswith(sentence)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["", "../stat", "a/b", "a b", ".", "..", "-a", "a\n", "x" * 65, "naïve"])
def test_a_name_never_leads_out_of_the_folder(text: str) -> None:
    with pytest.raises(FieldError, match="is no name of a setting"):
        name(text)


def test_a_value_that_means_nothing_is_known_though_the_kernel_takes_it() -> None:
    assert doubt("expire_nodest_conn", "5") == "5 means nothing to the kernel, though it takes it; give 0 or 1"
    assert doubt("sync_threshold", "3 50") == doubt("of_a_newer_kernel", "77") == doubt("est_cpulist", "0-3") == ""
    assert doubt("sync_ports", "128") != ""


def test_only_a_name_close_to_a_known_one_is_asked_back_about() -> None:
    assert slip("expire_nodest_con") == "lvstui knows no such setting; did you mean expire_nodest_conn?"
    assert slip("expire_nodest_conn") == slip("something_else") == ""


def test_the_two_states_of_an_automatic_defence_are_one_setting() -> None:
    automatic = [setting.name for setting in SETTINGS.values() if setting.automatic]
    assert automatic == ["drop_entry", "drop_packet", "secure_tcp"]
    for setting in automatic:
        assert same(setting, "1", "2")
        assert not same(setting, "1", "3")
        assert not same(setting, None, "1")
    assert not same("conn_reuse_mode", "1", "2")
    assert same("of_a_newer_kernel", None, None)


def test_settings_are_writable_unless_known_to_be_not() -> None:
    assert all(writable(setting.name) is not setting.read_only for setting in SETTINGS.values())
    assert writable("of_a_newer_kernel")
    assert {setting.kind for setting in SETTINGS.values()} == set(SettingKind)


def test_a_setting_that_a_kernel_lacks_is_named_with_the_kernel_that_has_it() -> None:
    held = ("conntrack", "of_tomorrow")
    assert absence("conntrack", held, "Linux 6.1") == absence("of_tomorrow", held, "Linux 6.1") == ""
    assert absence("conn_lfactor", held, "Linux 6.1").startswith("Linux 6.1 has no such setting, Linux 7.2 has it; ")
    assert absence("lblc_expiration", held, "Linux 6.1").startswith(
        "Linux 6.1 has no such setting at this moment; load"
    )
    assert absence("sync_period", held, "Linux 6.1").startswith("neither Linux 6.1 nor lvstui knows such a setting")


def test_without_a_kernel_only_a_name_that_nobody_knows_is_absent() -> None:
    assert absence("conn_lfactor", (), "Linux 6.1") == ""
    assert absence("sync_period", (), "Linux 6.1").startswith("lvstui knows no kernel with such a setting; correct")


@pytest.mark.parametrize("setting", ["lblc_expiration", "lblcr_expiration", "sync_refresh_period"])
def test_seconds_below_zero_which_newer_kernels_show_as_another_number_are_refused(setting: str) -> None:
    assert read(setting, "0") == "0"
    with pytest.raises(FieldError, match="must be 0 to"):
        read(setting, "-1")


def test_the_settings_of_newer_kernels_are_known() -> None:
    assert {setting.name for setting in SETTINGS.values() if setting.since} >= {
        "conn_lfactor",
        "conn_max",
        "est_cpulist",
        "est_nice",
        "svc_lfactor",
    }
    assert read("conn_max", "1073741824") == "1073741824"
    with pytest.raises(FieldError, match="conn_max"):
        read("conn_max", "1073741825")
    assert doubt("conn_max", "0")
