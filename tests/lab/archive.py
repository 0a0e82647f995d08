"""Kernels of other Debian releases than this machine's, unpacked in the cache: fetched by apt with lists of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab import packages
from tests.lab.guest import UnavailableError
from tests.lab.packages import CACHE, KERNEL, run

PLACES = ("http://deb.debian.org/debian", "http://archive.debian.org/debian")
"""Where the suites are: the second has those that the first no longer has."""
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
LISTS = CACHE / "lists"
NEVER = "/dev/null"


@dataclass(frozen=True, slots=True)
class Kernels:
    """The kernels of one kind of guest that are known."""

    image: str
    """A pattern of the packages that bring a kernel, so that other variants (cloud, rt) are left out."""
    parts: str
    """A pattern of what is unpacked: the image, and what it depends on and this machine's own may be too old for."""
    suites: dict[str, str]
    """Version of the kernel -> the suite that has it."""


UML = Kernels(
    r"user-mode-linux",
    r"libc6|libgcc-s1",
    {"6.12": "trixie", "7.2": "sid"},
)
FULL = Kernels(
    r"linux-image-\d[^-]*(?:-\d+)?-amd64",
    KERNEL,
    {"5.10": "bullseye", "6.12": "trixie", "6.18": "trixie-backports", "7.3": "trixie-backports"},
)


def suite(kernels: Kernels, version: str) -> str:
    """Return the suite that has the version; raise UnavailableError where none is known."""
    if version not in kernels.suites:
        known = ", ".join(kernels.suites)
        raise UnavailableError(f"There is no kernel {version} for this guest: take one of {known}.")
    return kernels.suites[version]


def folder(kernels: Kernels, version: str) -> Path:
    """Return where the kernel is unpacked, or will be."""
    return CACHE / f"{'uml' if kernels is UML else 'full'}-{version}"


def is_there(kernels: Kernels, version: str) -> bool:
    """Return whether the kernel is unpacked."""
    return packages.is_complete(folder(kernels, version), suite(kernels, version))


def unpack(kernels: Kernels, version: str) -> None:
    """Fetch and unpack the kernel if it is not there; raise UnavailableError where the archive does not answer.

    Where the suite no longer has the version, its newest one is taken.
    """
    if is_there(kernels, version):
        return
    place = suite(kernels, version)
    print(f"Unpacking a kernel for a guest, below {CACHE}: {version}, from {place}", flush=True)
    options = _updated(place)
    image = newest(run(["apt-cache", *options, "pkgnames"]).split(), kernels, version)
    with packages.unpacking(folder(kernels, version), place) as (debs, root):
        names = packages.parts(["apt-cache", *options], image, kernels.parts)
        run(["apt-get", *options, "download", *sorted({image, *names})], debs)
        packages.unpack_all(debs, root)


def newest(names: Sequence[str], kernels: Kernels, version: str) -> str:
    """Choose the newest kernel of the version, else the newest of all."""
    images = [name for name in names if re.fullmatch(kernels.image, name)]
    if not images:
        raise UnavailableError(f"The archive has no package {kernels.image} there.")
    wanted = [name for name in images if name.startswith(f"linux-image-{version}.")]
    return max(wanted or images, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def _updated(suite: str) -> list[str]:
    """Fetch the suite's lists from the first place that has them, and return the options that make apt use them."""
    problems = []
    for place in PLACES:
        options = _options(suite, place)
        try:
            run(["apt-get", *options, "update"])
        except UnavailableError as problem:
            problems.append(str(problem))
        else:
            return options
    raise UnavailableError(" ".join(problems))


def _options(suite: str, place: str) -> list[str]:
    """Keep apt to the place and the suite, and off this machine's own lists and packages."""
    root = LISTS / suite
    (root / "lists/partial").mkdir(parents=True, exist_ok=True)
    (root / "archives/partial").mkdir(parents=True, exist_ok=True)
    (root / "status").touch()
    (root / "sources.list").write_text(f"deb [arch=amd64 signed-by={KEYS}] {place} {suite} main\n")
    options = {
        "Dir::State": root,
        "Dir::State::status": root / "status",
        "Dir::Cache": root,
        "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": NEVER,
        "Dir::Etc::preferences": NEVER,
        "Dir::Etc::preferencesparts": NEVER,
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",  # apt's own user cannot write below a home
        "APT::Update::Error-Mode": "any",
        "Acquire::Languages": "none",
        "Acquire::Retries": 2,
        "Acquire::http::Timeout": 20,
        "Acquire::Check-Valid-Until": "false",  # a release that is archived is no longer signed anew
    }
    return [f"-o{name}={value}" for name, value in options.items()]
