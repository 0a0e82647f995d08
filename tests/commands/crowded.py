"""A director whose connection table has as many rows as wanted, which come as text, as the kernel writes them.

    python -m tests.commands.crowded ENTRIES CONNECTIONS ARGUMENT...

runs lvstui on it, and writes the most memory that it took (MiB) and its seconds to stderr at the end.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from lvstui.cli import main
from lvstui.core.model import Director, Persistence, Pool, Service
from lvstui.core.observed import Reading, ServerStats
from lvstui.kernel.memory.kernel import MemoryKernel
from lvstui.kernel.port import KernelError, Piece
from lvstui.kernel.procfs.connections import Decoder
from tests.build import address_key, server

WEB = address_key("tcp:192.0.2.10:80")
SERVERS = [server(f"10.0.0.{number}:80") for number in (11, 12, 13)]
_PAGE = 45
"""Rows that the kernel hands out at once."""


class CrowdedKernel(MemoryKernel):
    """A kernel with a number of entries, each of its own client, and of connections, which hang on the first ones."""

    def __init__(self, entries: int, connections: int = 0, again: int = 0, *, fails: bool = False) -> None:
        service = Service(WEB, persistence=Persistence(3600))
        super().__init__(Director({WEB: Pool(service, {server.endpoint: server for server in SERVERS})}))
        self._entries_wanted = entries
        self._connections_wanted = connections
        self._again = again
        self._fails = fails

    def read(self) -> Reading:
        """Count the connections, as netlink would."""
        reading = super().read()
        counts = {server.endpoint: ServerStats(self._connections_wanted // 3) for server in SERVERS}
        return replace(reading, servers={WEB: counts})

    def stream(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the table; each piece begins `again` with the last rows of the one before, and the last one may fail."""
        decoder = Decoder(engines=engines, alike=True)
        rows: list[str] = []
        for row in self._rows():
            rows.append(row)
            if len(rows) == _PAGE:
                yield decoder.decode("".join(rows).encode(), time.monotonic())
                rows = rows[-self._again :] if self._again else []
        if self._fails:
            raise KernelError("the module went")
        yield decoder.decode("".join(rows).encode(), time.monotonic())

    def _rows(self) -> Iterator[str]:
        for number in range(max(self._entries_wanted, self._connections_wanted)):
            end = f"C000020A 0050 0A00000{'BCD'[number % 3]} 0050"
            if number < self._connections_wanted:
                yield f"TCP {0x64400000 + number:08X} 9C40 {end} ESTABLISHED LOCAL  {900 + number % 99:7}\n"
            if number < self._entries_wanted:
                yield f"TCP {0x64400000 + number:08X} 0000 {end} ASSURED     SYNC   {3000 + number % 600:7}\n"


def _run(entries: str, connections: str, *arguments: str) -> int:
    began = time.monotonic()
    status = main(arguments, lambda _: CrowdedKernel(int(entries), int(connections)))
    sys.stdout.flush()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{most} {time.monotonic() - began:.2f}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(_run(*sys.argv[1:]))
