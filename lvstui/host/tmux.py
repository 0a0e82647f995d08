"""The clipboard of tmux, which its own command fills whatever the terminals of its clients allow programs."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lvstui.core.fields import visible
from lvstui.host.invoker import Invoker
from lvstui.host.programs import find_program
from lvstui.host.rights import OTHER_USER, raised

PLACES = (Path("/usr/bin"), Path("/bin"), Path("/usr/local/bin"))
"""Where tmux is looked for; what others than root may change there is not taken."""

_PATIENCE: Final = 2.0
"""Seconds that tmux may take."""


class TmuxError(Exception):
    """Tmux did not take a text; the message says why in a few words."""


def load_buffer(text: str, server: str, user: Invoker, *, pass_on: bool) -> None:
    """Have the tmux of a `server` ($TMUX) take a text as its newest buffer, and `pass_on` that to its terminal.

    Raises `TmuxError`.
    """
    _run(("load-buffer", *(("-w",) if pass_on else ()), "-"), server, user, text)


def set_clipboard(server: str, user: Invoker) -> str:
    """Return tmux's option set-clipboard: `on`, `external` or `off`; empty where that is not known."""
    try:
        return _run(("show-options", "-sv", "set-clipboard"), server, user).strip()
    except TmuxError:
        return ""


def _run(arguments: Sequence[str], server: str, user: Invoker, text: str = "") -> str:
    program = find_program("tmux", PLACES)
    if program is None:
        raise TmuxError("there is no tmux in /usr/bin that only root can change")
    environment: Mapping[str, str] = {**user.environment, "TMUX": server}
    try:
        with raised(*OTHER_USER):
            done = subprocess.run(
                [program, *arguments],
                input=text.encode(errors="replace"),
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                env=environment,
                cwd="/",
                user=user.user if user.switches else None,
                group=user.group if user.switches else None,
                extra_groups=user.groups if user.switches else None,
            )
    except subprocess.TimeoutExpired:
        raise TmuxError(f"it does not answer within {_PATIENCE:g} s") from None
    except (OSError, subprocess.SubprocessError) as problem:
        raise TmuxError(visible(str(problem))) from None
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise TmuxError(visible(reason) or f"it ended with {done.returncode}")
    return done.stdout.decode(errors="replace")
