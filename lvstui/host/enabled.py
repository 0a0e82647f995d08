"""Programs that will write to the table once the machine has started, though they do not run yet: by their services."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.core.record import Owner
from lvstui.host.claims import keepalived_claims, ldirectord_claims
from lvstui.host.foreign import Allowance
from lvstui.host.owners import keepalived_conf

_ENABLED: Final = ("etc/systemd/system/*.wants/{0}.service", "etc/rc[2-5].d/S[0-9][0-9]{0}")
"""Where links stand for what starts at boot, for systemd and for the scripts before it."""

_MASKED: Final = "etc/systemd/system/{0}.service"
"""Where a link to nowhere keeps a service from starting, however it is enabled."""

_OPTIONS: Final = ("etc/default/keepalived", "etc/sysconfig/keepalived")
_WORDS: Final = re.compile(r"^\s*(?:DAEMON_ARGS|KEEPALIVED_OPTIONS)=(.*)$", re.MULTILINE)

_LDIRECTORD: Final = ("etc/ha.d/ldirectord.cf", "etc/ha.d/conf/ldirectord.cf")


def enabled_owners(root: Path = Path("/")) -> Iterator[Owner]:
    """Yield keepalived and ldirectord where they start at boot, with the services that their configurations name.

    One that manages nothing, as keepalived with virtual routers alone, is left out.
    """
    if _is_enabled(root, "keepalived"):
        config = keepalived_conf(_options(root))
        if config is not None and (root / config.lstrip("/")).exists():
            claims = keepalived_claims(Path(config), root)
            yield Owner("keepalived", 0, config, claims.services, flushes=claims.flushes)
    if _is_enabled(root, "ldirectord"):
        for name in _LDIRECTORD:
            if (root / name).exists():
                yield Owner("ldirectord", 0, f"/{name}", ldirectord_claims(Path("/", name), root).services)
                return


def _is_enabled(root: Path, name: str) -> bool:
    with suppress(OSError):
        if (root / _MASKED.format(name)).readlink() == Path("/dev/null"):
            return False  # its links stay, and so does its script, and systemd starts neither
    return any(next(root.glob(pattern.format(name)), None) is not None for pattern in _ENABLED)


def _options(root: Path) -> list[str]:
    """Return the words that the service hands to keepalived."""
    for name in _OPTIONS:
        with suppress(OSError, ValueError):
            if found := _WORDS.findall(Allowance().read(root / name)):
                return [word for part in shlex.split(found[-1], comments=True) for word in part.split()]
    return []
