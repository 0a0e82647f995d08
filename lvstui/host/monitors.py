"""What ldirectord wrote last about the servers that it checks, where its configuration names a file for that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from lvstui.core.model import ServiceKey
from lvstui.core.record import Remark
from lvstui.host.foreign import read_end

_LINE: Final = re.compile(r"\[([^\]]{1,40})\] \[\d+\] (.{1,1000}?) \[(up|down)\] (.*)")
"""Time, process, check with server, state and message, as service_set of ldirectord writes them."""

_FILES_MAX: Final = 100
_MESSAGE_MAX: Final = 200


def remarks(monitors: Mapping[ServiceKey, Path]) -> Iterator[Remark]:
    """Yield the newest remark on each server in the last 64 KiB of each file; of what cannot be read none."""
    for service, path in list(monitors.items())[:_FILES_MAX]:
        newest: dict[str, Remark] = {}
        with suppress(OSError):
            for line in read_end(path).splitlines():
                if found := _LINE.fullmatch(line):
                    newest[found[2]] = Remark(service, found[2], found[3], found[1], found[4][:_MESSAGE_MAX])
        yield from newest.values()
