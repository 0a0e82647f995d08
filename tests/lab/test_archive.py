"""Kernels of other releases: which package of a suite is taken for a version."""

import pytest

from tests.lab import archive
from tests.lab.guest import UnavailableError

NAMES = (
    "linux-image-6.18.9+deb13-amd64",
    "linux-image-6.18.15+deb13-amd64",
    "linux-image-6.18.15+deb13-cloud-amd64",
    "linux-image-6.18.15+deb13-rt-amd64",
    "linux-image-7.3.4+deb13-amd64",
    "linux-image-amd64",
    "linux-headers-9.1.1+deb13-amd64",
)


def test_the_newest_of_the_version_is_taken_and_neither_a_cloud_s_nor_a_real_time_one() -> None:
    assert archive.newest(NAMES, archive.FULL, "6.18") == "linux-image-6.18.15+deb13-amd64"


def test_where_the_suite_no_longer_has_the_version_its_newest_is_taken() -> None:
    assert archive.newest(NAMES, archive.FULL, "6.1") == "linux-image-7.3.4+deb13-amd64"


def test_the_names_of_debian_11_are_understood() -> None:
    names = ("linux-image-5.10.0-9-amd64", "linux-image-5.10.0-32-amd64", "linux-image-5.10.0-32-cloud-amd64")
    assert archive.newest(names, archive.FULL, "5.10") == "linux-image-5.10.0-32-amd64"


def test_a_suite_without_any_kernel_is_named() -> None:
    with pytest.raises(UnavailableError, match="no package user-mode-linux"):
        archive.newest(NAMES, archive.UML, "7.2")


def test_a_version_that_no_suite_is_known_to_have_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnavailableError, match=r"no kernel 4\.19 .*: take one of 5\.10, 6\.12, "):
        archive.suite(archive.FULL, "4.19")
