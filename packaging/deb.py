"""Packages of Debian and Ubuntu."""

from __future__ import annotations

import shutil
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path
from textwrap import dedent
from typing import Final

from files import File, below, lay_out, zipped
from library import Library
from system import CONFIGURATION, DOCUMENTS, completions, system, units

ARCHITECTURES: Final = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}

MAINTAINER: Final = "The lvstui authors <lvstui@localhost>"


def debs(library: Library, version: str, project: Path, work: Path, when: int) -> dict[str, File]:
    """Build the packages in the folder `work`, all times in them `when`; none where there is no dpkg-deb."""
    if shutil.which("dpkg-deb") is None:
        sys.stderr.write("No dpkg-deb here, so there will be no .deb: install dpkg\n")
        return {}
    built = {}
    for architecture, platform in ARCHITECTURES.items():
        name = f"lvstui_{version}_{architecture}.deb"
        files = {
            **system(library, platform, project),
            "usr/share/zsh/vendor-completions/_lvstui": completions("zsh"),
            f"{DOCUMENTS}/changelog.gz": File(zipped(_changelog(version, when).encode())),
            f"{DOCUMENTS}/NEWS.md.gz": File(zipped((project / "CHANGELOG.md").read_bytes())),
        }
        size = sum(-(-len(file.content) // 1024) for file in files.values())
        control = {
            "control": File(_control(version, architecture, size).encode()),
            "conffiles": File(f"/{CONFIGURATION}\n".encode()),
            **{script: _script(project, script) for script in ("postinst", "prerm", "postrm")},
        }
        lay_out({**files, **below("DEBIAN", control)}, work / architecture, when)
        command = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--threads-max=1", "--build", architecture, name]
        subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
        built[name] = File((work / name).read_bytes())
    return built


def _control(version: str, architecture: str, size: int) -> str:
    return dedent(f"""\
        Package: lvstui
        Version: {version}
        Architecture: {architecture}
        Maintainer: {MAINTAINER}
        Installed-Size: {size}
        Depends: python3 (>= 3.11)
        Recommends: kmod
        Suggests: ipvsadm
        Section: net
        Priority: optional
        Description: watch and edit Linux Virtual Server (IPVS) live in a terminal
         Shows services, real servers, clients that stick to them, firewall marks and
         connections of a director as they are, and writes every edit into the kernel
         and into a profile. The libraries of Python that it needs come with it.
        """)


def _changelog(version: str, when: int) -> str:
    """Return the changelog in the form of Debian, which leads to the one for people."""
    return f"lvstui ({version}) stable; urgency=medium\n\n  * See NEWS.md.gz.\n\n -- {MAINTAINER}  {formatdate(when)}\n"


def _script(project: Path, name: str) -> File:
    text = (project / "packaging/deb" / name).read_text()
    return File(text.replace("@UNITS@", " ".join(units(project))).encode(), 0o755)
