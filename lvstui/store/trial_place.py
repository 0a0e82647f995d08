"""Where the change on trial of a network namespace lies, known without what reads it: every start looks there."""

from __future__ import annotations

import os
from pathlib import Path

from lvstui.core.model import Home
from lvstui.store.files import resolve


def trial_path(home: Home) -> Path:
    """Return where the change on trial of a namespace is: in /var/lib/lvstui for root, in the XDG folder for others."""
    if os.geteuid() == 0:
        folder = Path("/var/lib/lvstui")
    else:
        from platformdirs import user_state_path  # 4 ms that root goes without

        folder = user_state_path("lvstui")
    return folder / (f"trial-{home.netns}.json" if home.netns else "trial.json")


def demo_trial_path(profile: Path) -> Path:
    """Return where the change on trial of a demo is: beside its profile, which goes away with it."""
    target = resolve(profile)
    return target.with_name(f".{target.name}.trial")


def ended_path(path: Path) -> Path:
    """Return the file that says what became of the last trial."""
    return path.with_name(f"{path.name}.ended")


def has_news(path: Path) -> bool:
    """Return whether there is a trial, or something to say of the last one."""
    return any(map(os.path.lexists, (path, ended_path(path))))
