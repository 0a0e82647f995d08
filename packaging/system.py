"""What packages of Debian and RPM put onto a machine, alike."""

from __future__ import annotations

import subprocess
import sys
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

from files import File, Files, below, zipped
from library import Library

HOME: Final = "usr/lib/lvstui"
UNITS: Final = "usr/lib/systemd/system"
DOCUMENTS: Final = "usr/share/doc/lvstui"
CONFIGURATION: Final = "etc/lvstui/config.toml"


def system(library: Library, platform: str, project: Path) -> dict[str, File]:
    """Return the files by their paths on the machine; completions for zsh are where only one of the two looks."""
    documents = {path.name: read(path) for path in sorted((project / "docs").glob("*.md"))}
    manual = {
        f"man{path.suffix[1:]}/{path.name}.gz": File(zipped(path.read_bytes()))
        for path in sorted((project / "docs/man").glob("*.[0-9]"))
    }
    return {
        **below(HOME, library.on(platform)),
        **below(UNITS, units(project)),
        **below("usr/share/man", manual),
        **below(DOCUMENTS, documents),
        "usr/bin/lvstui": read(project / "packaging/starter", 0o755),
        CONFIGURATION: read(project / "packaging/config.toml"),
        "usr/share/bash-completion/completions/lvstui": completions("bash"),
        "usr/share/fish/vendor_completions.d/lvstui.fish": completions("fish"),
        f"{DOCUMENTS}/README.md": read(project / "README.md"),
        f"{DOCUMENTS}/copyright": File(_copyright(project, library.modules).encode()),
        f"{DOCUMENTS}/examples/director.toml": read(project / "docs/example.toml"),
    }


def units(project: Path) -> dict[str, File]:
    """Return the units of systemd."""
    return {path.name: read(path) for path in sorted((project / "packaging").glob("*.service"))}


def read(path: Path, mode: int = 0o644) -> File:
    """Return a file of the checkout."""
    return File(path.read_bytes(), mode)


def completions(shell: str) -> File:
    """Return what has a shell complete the commands of lvstui."""
    command = [sys.executable, "-m", "lvstui", "completions", shell]
    return File(subprocess.run(command, check=True, capture_output=True).stdout)


def _copyright(project: Path, modules: Files) -> str:
    """Return the licence of lvstui, and whose libraries come with it under which."""
    lines = [(project / "LICENSE").read_text(), f"In /{HOME}, each with its licence in the folder *.dist-info:\n"]
    for name, file in sorted(modules.items()):
        if name.endswith(".dist-info/METADATA"):
            about = BytesHeaderParser().parsebytes(file.content)
            classified = [line for line in about.get_all("Classifier", []) if line.startswith("License ::")]
            licence = about["License-Expression"] or about["License"] or classified[0].rpartition(":: ")[2]
            lines.append(f"  {about['Name']} {about['Version']}: {licence.splitlines()[0]}")
    return "\n".join(lines) + "\n"
