"""lvstui with all that it needs at run time, fetched by pip as requirements.lock pins it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from zipfile import ZipFile

from files import File

COMPILED: Final = "psutil/_psutil_linux.abi3.so"
"""The one file that differs from processor to processor."""

PLATFORMS: Final[Mapping[str, str]] = {
    "x86_64-linux-gnu": "manylinux2014_x86_64",
    "aarch64-linux-gnu": "manylinux2014_aarch64",
    "x86_64-linux-musl": "musllinux_1_2_x86_64",
    "aarch64-linux-musl": "musllinux_1_2_aarch64",
}
"""What Python says that it is built for, and the wheels that fit."""


class Library(NamedTuple):
    """The modules by their paths, and the compiled one for each platform."""

    modules: Mapping[str, File]
    compiled: Mapping[str, File]

    def on(self, platform: str) -> dict[str, File]:
        """Return all of it for a platform."""
        return {**self.modules, COMPILED: self.compiled[platform]}


def library(project: Path, work: Path) -> Library:
    """Fetch the dependencies of a checkout into the folder `work`, and build its own wheel there."""
    needs = tomllib.loads((project / "pyproject.toml").read_text())["project"]["dependencies"]
    modules: dict[str, File] = {}
    compiled: dict[str, File] = {}
    for number, (platform, tag) in enumerate(PLATFORMS.items()):
        wheels = work / platform
        wanted = [need for need in needs if number == 0 or need.startswith("psutil")]
        _pip(
            *("download", "--require-hashes", "--constraint", str(project / "requirements.lock")),
            *("--only-binary=:all:", f"--platform={tag}", "--python-version=3.11", f"--dest={wheels}"),
            *(["--no-deps"] if number else []),
            *wanted,
        )
        files = {name: file for wheel in sorted(wheels.glob("*.whl")) for name, file in _files(wheel)}
        compiled[platform] = files.pop(COMPILED)
        modules = modules or files
    _pip("wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={work}", str(project))
    (own,) = work.glob("lvstui-*.whl")
    return Library({**modules, **dict(_files(own))}, compiled)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, "--quiet"], check=True)


def _files(wheel: Path) -> Iterator[tuple[str, File]]:
    """Yield the files of a wheel, which are where Python looks for them."""
    with ZipFile(wheel) as archive:
        names: Sequence[str] = sorted(name for name in archive.namelist() if not name.endswith("/"))
        for name in names:
            if ".data/" in name or (name.endswith(".so") and name != COMPILED):
                raise SystemExit(f"{wheel.name}: {name}: only {COMPILED} may be compiled or stand elsewhere")
            yield name, File(archive.read(name))
