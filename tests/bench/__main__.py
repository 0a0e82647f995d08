"""Runs every bench of this folder, or those that are named: a line for each figure, with its peer's and the ratio."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def main() -> None:
    """Run the benches one after another."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    for name in sys.argv[1:] or sorted(names):
        bench = importlib.import_module(f"tests.bench.{name}")
        if name != "__main__" and hasattr(bench, "main"):
            bench.main()
            sys.stdout.flush()


if __name__ == "__main__":
    main()
