"""One weight edited on a large director, from Enter to the value read back, beside one `ipvsadm -e`."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lvstui.core.change import change_server
from lvstui.core.model import RealServer, ServiceKey
from lvstui.core.snapshot import Snapshot
from lvstui.engine.messages import Edit, Event
from lvstui.engine.worker import Worker
from lvstui.kernel.live import Live
from lvstui.store.profile_file import ProfileFile
from tests.bench.big_table import GUEST, SIZE, in_turn, load, namespace, within

ROUNDS = 9


class Editor:
    """A worker on the table and its profile; the first snapshot that holds the new weight ends the clock."""

    def __init__(self, netns: str, folder: Path) -> None:
        self._worker = Worker(Live(netns), ProfileFile(folder / "director.toml"), self._take)
        self._shown: Snapshot | None = None
        self._wanted = -1
        self._seen = 0.0
        self._worker.step(0)
        pools = self._snapshot.reading.director.pools
        self._service: ServiceKey = next(iter(pools))
        self._endpoint = next(iter(pools[self._service].servers))

    @property
    def _snapshot(self) -> Snapshot:
        if self._shown is None:
            raise RuntimeError("the worker showed nothing")
        return self._shown

    @property
    def _server(self) -> RealServer:
        return self._snapshot.reading.director.pools[self._service].servers[self._endpoint]

    def _take(self, event: Event) -> None:
        if isinstance(event, Snapshot):
            self._shown = event
            if not self._seen and self._wanted >= 0 and self._server.weight == self._wanted:
                self._seen = time.perf_counter()

    def edit(self) -> float:
        """Raise the weight by one and say how many seconds passed until it was shown."""
        before, self._wanted, self._seen = self._server, self._server.weight + 1, 0.0
        start = time.perf_counter()
        self._worker.submit(Edit((change_server(self._service, before, replace(before, weight=self._wanted)),)))
        self._worker.step(0)
        if not self._seen:
            raise RuntimeError("the new weight was never shown")
        return self._seen - start


def main() -> None:
    """Print the latency of both."""
    if not GUEST:
        print("editing: needs the lab's guest")
        return
    with namespace("editing") as name, TemporaryDirectory() as folder:
        load(name)
        editor = Editor(name, Path(folder))
        weights = iter(range(100, 100 + ROUNDS))

        def with_ipvsadm() -> float:
            words = f"-e -t 10.0.1.1:80 -r 10.10.1.1:80 -m -w {next(weights)}"
            start = time.perf_counter()
            subprocess.run(within(name, "ipvsadm", *words.split()), check=True)
            return time.perf_counter() - start

        ours, theirs = in_turn(ROUNDS, editor.edit, with_ipvsadm)
    print(f"one edit on {SIZE}: {1000 * ours:.1f} ms; ipvsadm -e {1000 * theirs:.1f}; {ours / theirs:.2f}", flush=True)


if __name__ == "__main__":
    main()
