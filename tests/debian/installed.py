"""lvstui in a fresh Debian, as its packages put it there: libraries in a folder of their own, units, and a command."""

import shutil
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.lab.debian import Debian
from tests.lab.guest import CHECKOUT

FOLDER = "/usr/lib/lvstui"
STARTER = f"""\
#!/usr/bin/python3 -I
import sys
sys.path.insert(0, "{FOLDER}")
from lvstui.__main__ import main
main()
"""


def install(system: Debian) -> None:
    """Put lvstui, what it needs to run, and its units into a system."""
    folder = system.root / FOLDER.lstrip("/")
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.dist-info")
    shutil.copytree(CHECKOUT / "lvstui", folder / "lvstui", ignore=ignored)
    shutil.copytree(CHECKOUT / "themes", folder / "lvstui/themes")
    for name in _needed("lvstui", set()):
        for file in distribution(name).files or ():
            source = Path(str(distribution(name).locate_file(file)))
            if ".." not in file.parts and source.is_file() and source.suffix != ".pyc":
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, folder / file)
    system.write("/usr/bin/lvstui", STARTER, 0o755)
    for unit in (CHECKOUT / "packaging").glob("*.service"):
        system.write(f"/usr/lib/systemd/system/{unit.name}", unit.read_text())


def _needed(name: str, found: set[str]) -> set[str]:
    """Return what a distribution needs to run, however indirectly."""
    for requirement in map(Requirement, distribution(name).requires or ()):
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and requirement.name not in found:
            found.add(requirement.name)
            _needed(requirement.name, found)
    return found
