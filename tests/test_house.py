"""The plan of the house: the floors that import-linter holds (pyproject.toml), and what importing a part costs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from importlinter import cli

import lvstui

ROOT = Path(lvstui.__file__).parent
MOST_METHODS = 20
FLOORS = {"cli", "commands", "tui", "engine", "store", "kernel", "formats", "host", "core"}
BELOW = {f"lvstui.core.{room}" for room in ("packets", "health", "probes", "events")}
"""Rooms of core that a snapshot is made of, and so below everything else."""
LIBRARIES = {"textual", "rich", "pyroute2", "psutil", "tomli_w", "platformdirs"}


def test_imports_keep_the_contracts(capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.lint_imports(config_filename=str(ROOT.parent / "pyproject.toml"), cache_dir=None)
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_contract_of_what_is_below_cores_rooms_names_all_of_it() -> None:
    settings = tomllib.loads((ROOT.parent / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (c for c in settings["tool"]["importlinter"]["contracts"] if c["name"].startswith("What is below"))
    modules = {f"lvstui.core.{path.stem}" for path in (ROOT / "core").glob("*.py") if path.stem != "__init__"}
    rooms = {f"lvstui.core.{path.parent.name}" for path in (ROOT / "core").glob("*/__init__.py")}
    assert set(contract["source_modules"]) == modules
    assert set(contract["forbidden_modules"]) == rooms - BELOW


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not even inside functions, where Python would let them."""
    graph: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        name = ".".join(("lvstui", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = set(_imports(path))
    for name, imported in graph.items():
        graph[name] = (imported & graph.keys()) - {name}
    TopologicalSorter(graph).prepare()


def _imports(path: Path) -> Iterator[str]:
    """Yield all modules that a file imports, with names that may be modules or what stands in one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module=str() as module, names=names):
                yield module
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Import(names):
                yield from (name.name for name in names)
            case _:
                pass


def test_no_class_has_more_methods_than_one_can_keep_in_mind_counting_those_it_inherits_from_ours() -> None:
    for kind in _classes():
        ours = [base for base in kind.__mro__ if base.__module__.startswith("lvstui.")]
        written = {name for base in ours for name, value in vars(base).items() if _is_written(value)}
        assert len(written) <= MOST_METHODS, (kind.__name__, sorted(written))


def _classes() -> Iterator[type]:
    """Yield all classes of the program."""
    for found in pkgutil.walk_packages(lvstui.__path__, "lvstui."):
        module = importlib.import_module(found.name)
        yield from (kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == found.name)


def _is_written(value: object) -> bool:
    """Return whether a method stands in the source, unlike those that a dataclass gets by itself."""
    return isinstance(value, property) or (hasattr(value, "__code__") and "<" not in value.__code__.co_filename)


def test_no_module_stands_outside_a_room() -> None:
    top = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert top == FLOORS | {"__init__", "__main__"}


def test_only_known_libraries_are_imported_and_always_by_their_whole_name() -> None:
    allowed = LIBRARIES | set(sys.stdlib_module_names) | {"lvstui"}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names):
                    imported = {name.name.split(".")[0] for name in names}
                case ast.ImportFrom(module=str() as module, level=0):
                    imported = {module.split(".")[0]}
                case ast.ImportFrom():
                    imported = {"a relative import"}
                case _:
                    continue
            assert imported <= allowed, f"{path.relative_to(ROOT)}:{node.lineno}"


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("lvstui.cli", {"textual"}),
        ("lvstui.core.services.rows", LIBRARIES),
        ("lvstui.engine.trials.guard", LIBRARIES | {"subprocess", "asyncio", "lvstui.engine.edits"}),
        ("lvstui.commands.edits", {"subprocess", "lvstui.engine.trials.desk"}),
        ("lvstui.kernel.live", {"lvstui.core.trace.trace", "lvstui.kernel.network.network"}),
    ],
)
def test_importing_loads_no_more_than_is_needed(module: str, unwanted: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert module in loaded
    assert {name for name in loaded if name in unwanted} == set()


def test_no_program_is_started_by_a_bare_name_from_path() -> None:
    """Who starts programs finds them where only root can have put them; the editor is the person's own choice."""
    own_choice = ROOT / "tui/editor.py"
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text()
        assert not re.search(r"\bos\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*)\(", text), path
        if path == own_choice:
            continue
        assert "shutil.which" not in text, path
        if re.search(r"\bsubprocess\.(run|Popen|call|check_\w+)\(", text):
            assert "from lvstui.host.programs import find_program" in text, path
            assert not re.search(r"""subprocess\.\w+\(\s*\[\s*["']""", text), path
