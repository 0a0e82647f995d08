"""The house's plan, held by its imports: they point down only, and each library has one room."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lvstui

ROOT = Path(lvstui.__file__).parent

BELOW = {
    "core": {"core"},
    "kernel": {"kernel", "core"},
    "store": {"store", "core"},
    "host": {"host", "core"},
    "owners": {"owners", "host", "store", "core"},
    "messages": {"kernel", "core"},
    "scanner": {"kernel", "core"},
    "sticking": {"kernel", "core"},
    "entry_worker": {"scanner", "sticking", "messages", "kernel", "core"},
    "taking_back": {"kernel", "core"},
    "worker": {"worker", "entry_worker", "scanner", "taking_back", "messages", "kernel", "store", "host", "core"},
    "options": {"kernel", "store", "core"},
    "tui": {"tui", "options", "worker", "entry_worker", "messages", "kernel", "store", "host", "core"},
}
"""What a room may import; cli with its commands is the composition root and may import everything."""

HOME = {
    "textual": "lvstui.tui.",
    "rich": "lvstui.tui.",  # textual's own: its strips are made of rich's segments and styles
    "pyroute2": "lvstui.kernel.",
    "psutil": "lvstui.host.",
    "tomli_w": "lvstui.store.profile.",
}
"""Where a library may be imported; nothing else may be but what Python brings along."""

IN_CORE = [
    "model numbers table catalogue memo",
    "fields change observed sysctls",
    "selectors describe history record owners drift sync_message entry_edits filtering",
    "snapshot",
    "director_told change_rows cells machines headline rules staging touches form server_form service_form",
    "director_rows filter batch draining",
    "ties",
    "entry_filter entry_plan sought",
    "entry_rows entry_rules",
    "connection_rows distribution entry_wish entry_details",
    "columns director_edits nft_script mark_edits mark_rules mark_groups mark_conflicts",
    "mark_facts mark_lists mark_repairs",
    "mark_cells mark_form advised mark_advice",
    "mark_filter mark_group_forms advice",
    "mark_rows mark_details",
]
"""The modules of core from the ground up; those on one floor may know each other."""


def imports() -> Iterator[tuple[str, str]]:
    """Give each import of the package as importing and imported module, names of `from lvstui.core import x` joined."""
    for path in ROOT.rglob("*.py"):
        module = ".".join(("lvstui", *path.relative_to(ROOT).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names):
                    yield from ((module, name.name) for name in names)
                case ast.ImportFrom(level=level) if level:
                    pytest.fail(f"{module} imports relatively: write the module's whole name")
                case ast.ImportFrom(str() as source, names):
                    yield from ((module, f"{source}.{name.name}") for name in names)


def room(module: str) -> str:
    """Tell the room of a module; whatever is not ours has none."""
    package, _, path = module.partition(".")
    return path.split(".")[0] if package == "lvstui" else ""


@pytest.mark.parametrize("upper", BELOW)
def test_imports_point_down_only(upper: str) -> None:
    inside = [(by, what) for by, what in imports() if room(by) == upper and what.startswith("lvstui.")]
    assert inside
    assert [(by, what) for by, what in inside if room(what) not in BELOW[upper] | {"__version__"}] == []


def test_the_screens_know_the_kernel_only_through_the_worker_and_the_port() -> None:
    known = [(by, what) for by, what in imports() if room(by) == "tui" and what.startswith("lvstui.kernel.")]
    assert [(by, what) for by, what in known if not what.startswith("lvstui.kernel.port.")] == []


def test_inside_core_the_imports_point_down_too() -> None:
    level = {name: height for height, names in enumerate(IN_CORE) for name in names.split()}
    inside = [(by, what) for by, what in imports() if room(by) == room(what) == "core"]
    assert inside
    for by, what in inside:
        assert level[what.split(".")[2]] <= level[by.split(".")[2]], f"{by} imports {what}"


def test_every_library_has_its_room() -> None:
    for by, what in imports():
        library = what.split(".")[0]
        if library not in sys.stdlib_module_names and library != "lvstui":
            assert f"{by}.".startswith(HOME.get(library, "nowhere")), f"{by} imports {what}"


@pytest.mark.parametrize(("module", "unwanted"), [("lvstui.cli", {"textual"}), ("lvstui.core.columns", set(HOME))])
def test_importing_loads_no_more_than_is_needed(module: str, unwanted: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert module in loaded
    assert {name for name in loaded if name in unwanted} == set()
