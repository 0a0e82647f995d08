"""Packages of Red Hat, Fedora and SUSE."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from files import File, Files, lay_out
from library import Library
from system import CONFIGURATION, DOCUMENTS, HOME, completions, system, units

ARCHITECTURES: Final = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}

_SAME_EVERY_TIME: Final = {
    "_buildhost": "localhost",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "_binary_payload": "w1.xzdio",
    "_build_id_links": "none",
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
}
"""Macros: nothing of this machine gets in, and the files stay as they are."""

_STANDARD: Final = 2
"""How many names the paths have of folders that every system has, as /usr/share."""


def rpms(library: Library, version: str, project: Path, work: Path, when: int) -> dict[str, File]:
    """Build the packages in the folder `work`, all times in them `when`; none where there is no rpmbuild."""
    if shutil.which("rpmbuild") is None:
        sys.stderr.write("No rpmbuild here, so there will be no .rpm: apt-get install rpm\n")
        return {}
    built = {}
    for architecture, platform in ARCHITECTURES.items():
        files = {
            **system(library, platform, project),
            "usr/share/zsh/site-functions/_lvstui": completions("zsh"),
        }
        files["usr/bin/lvstui"] = _with_its_python(files["usr/bin/lvstui"])
        place = work / architecture
        lay_out(files, place / "SOURCES", when)
        (place / "lvstui.spec").write_text(_spec(project, version, files))
        macros = {**_SAME_EVERY_TIME, "_topdir": str(place)}
        defined = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        command = ["rpmbuild", "-bb", "--quiet", "--target", f"{architecture}-linux", *defined, "lvstui.spec"]
        subprocess.run(command, cwd=place, check=True)
        (package,) = place.glob("RPMS/*/*.rpm")
        built[package.name] = File(package.read_bytes())
    return built


def _with_its_python(starter: File) -> File:
    """Return the starter with the Python that the package chose when it was installed."""
    return File(starter.content.replace(b"/usr/bin/python3", f"/{HOME}/python3".encode(), 1), starter.mode)


def _spec(project: Path, version: str, files: Files) -> str:
    own = (HOME, DOCUMENTS)
    others = sorted(name for name in files if name != CONFIGURATION and not name.startswith(own))
    # Folders that nothing else may have brought along; those that others need stay when the package goes.
    shared = {str(folder) for name in others for folder in Path(name).parents if len(folder.parts) > _STANDARD}
    listed = [*(f"%dir /{folder}" for folder in sorted(shared)), *(f"/{name}" for name in (*own, *others))]
    text = (project / "packaging/lvstui.spec").read_text()
    return (
        text.replace("@VERSION@", version)
        .replace("@FILES@", "\n".join(listed))
        .replace("@UNITS@", " ".join(units(project)))
    )
