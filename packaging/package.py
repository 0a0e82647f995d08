"""Build what lvstui is installed from: lvstui.pyz, packages of Debian and RPM, and their hashes.

The same commit gives the same bytes, in any folder, with the same tools.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from deb import debs
from library import library
from onefile import onefile
from rpm import rpms


def main() -> None:
    """Build everything into the folder that is named."""
    parser = argparse.ArgumentParser(description="Build lvstui.pyz and the packages of lvstui.")
    parser.add_argument("folder", type=Path, help="where they go; those of other versions there are removed")
    folder = parser.parse_args().folder
    here = Path(__file__).resolve().parent
    when = _when(here.parent)
    os.environ["SOURCE_DATE_EPOCH"] = str(when)
    version = tomllib.loads((here.parent / "pyproject.toml").read_text())["project"]["version"]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="lvstui-") as work:
        modules = library(here.parent, Path(work, "wheels"))
        built = {
            "lvstui.pyz": onefile(modules, here, when),
            **debs(modules, version, here.parent, Path(work, "deb"), when),
            **rpms(modules, version, here.parent, Path(work, "rpm"), when),
        }
    sums = "".join(f"{hashlib.sha256(file.content).hexdigest()}  {name}\n" for name, file in sorted(built.items()))
    for pattern in ("lvstui.pyz", "lvstui_*.deb", "lvstui-*.rpm"):  # those of other versions too
        for path in folder.glob(pattern):
            path.unlink()
    for name, file in built.items():
        path = folder / name
        path.write_bytes(file.content)
        path.chmod(file.mode)
    (folder / "SHA256SUMS").write_text(sums)
    sys.stdout.write(sums)


def _when(project: Path) -> int:
    """Return the time that everything gets, in seconds of Unix: SOURCE_DATE_EPOCH, else that of the last commit."""
    if asked := os.environ.get("SOURCE_DATE_EPOCH", ""):
        return int(asked)
    command = ["git", "-C", str(project), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:  # which has said why
        sys.exit(f"{Path(__file__).name}: status {error.returncode}: {shlex.join(map(str, error.cmd))}")
