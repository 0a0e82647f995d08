"""Runs campaigns and prints a line for each kind of attack; the exit status is 1 where one of them got through."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from tests import campaign


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaigns that the command line names, else all that run in this place."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*campaign.names(), []])
    parser.add_argument("--in", dest="place", choices=("host", "uml", "full"), default="host", help="where this runs")
    parser.add_argument("--seconds", type=float, default=60, help="for each campaign (default 60)")
    parser.add_argument("--seed", type=int, help="that of an earlier run repeats it")
    options = parser.parse_args(arguments)
    seed = random.randrange(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    failed = 0
    for name in options.names or [name for name in campaign.names() if campaign.needs(name) == options.place]:
        failed += _run(name, options.seconds, seed)
    return 1 if failed else 0


def _run(name: str, seconds: float, seed: int) -> int:
    """Run one campaign, print what comes of it as it comes, and return how many attacks got through."""
    attacks = campaign.load(name)
    summary, *_ = (attacks.__doc__ or "").splitlines() or [""]
    print(f"\n{name}: {summary}", flush=True)
    failed, start = 0, time.monotonic()
    for report in attacks.run(seconds, seed):
        failed += report.failed
        print(f"  {report.name:<40}{report.tried:>12,} tried{report.failed:>10,} failed", flush=True)
        if report.first:
            print(f"      {report.first}", flush=True)
    print(f"  {time.monotonic() - start:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
