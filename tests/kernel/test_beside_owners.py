"""What a real keepalived and a real ldirectord do to edits of others: what lvstui says of it is true."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from lvstui.core.change import Change, change_server, change_service
from lvstui.core.fields import server_text
from lvstui.core.model import AddressKey, Endpoint, Forwarding, Protocol, RealServer
from lvstui.host.owners import OwnerWatch
from lvstui.kernel.live import Live
from tests.kernel.test_owners import lvstui, owner, running, until

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

_LONG = 2.5
"""Seconds in which a reload, or two rounds of checks, are over."""

KEY = AddressKey(Protocol.TCP, ip_address("192.0.2.61"), 80)
FIRST, SECOND, ADDED = (Endpoint(ip_address(f"127.0.6.{last}"), 80) for last in (1, 2, 3))

KEEPALIVED = """\
global_defs {
    router_id lab
}
virtual_server 192.0.2.61 80 {
    delay_loop 1
    lvs_sched wlc
    lvs_method NAT
    protocol TCP
    real_server 127.0.6.1 80 {
        weight 3
        TCP_CHECK {
            connect_timeout 1
            retry 0
        }
    }
    real_server 127.0.6.2 80 {
        weight 4
    }
}
"""
LDIRECTORD = """\
checktimeout=1
checkinterval=1
quiescent=yes
autoreload=no
virtual=192.0.2.61:80
\treal=127.0.6.1:80 masq 3
\treal=127.0.6.2:80 masq 4
\tscheduler=wlc
\tprotocol=tcp
\tchecktype=connect
"""


_RELOADED = {"keepalived": "Reload complete", "ldirectord": "Reloading Linux Director Daemon config"}
_FAILED = {
    "keepalived": "TCP_CHECK on service [127.0.6.1]:tcp:80 failed",
    "ldirectord": "Deactivated service 127.0.6.1",
}
"""What each program logs when it has read its file again, or begins to, and when the first server fails a check."""


class Beside:
    """A kernel that a program writes to as well, and its configuration and its log."""

    def __init__(self, live: Live, program: str, config: Path, log: Path) -> None:
        self.live, self.program, self.config, self.log = live, program, config, log

    @property
    def there(self) -> bool:
        """Whether there is the service."""
        return KEY in self.live.read().director.pools

    @property
    def weights(self) -> Mapping[str, int]:
        """The weights of the service's servers."""
        pool = self.live.read().director.pools.get(KEY)
        return {server_text(end): one.weight for end, one in pool.servers.items()} if pool else {}

    def server(self, endpoint: Endpoint) -> RealServer:
        return self.live.read().director.pools[KEY].servers[endpoint]

    def weigh(self, endpoint: Endpoint, weight: int) -> None:
        server = self.server(endpoint)
        self.live.write(change_server(KEY, server, replace(server, weight=weight)))

    def add(self) -> None:
        self.live.write(change_server(KEY, None, RealServer(ADDED, Forwarding.MASQ, 5)))

    def delete(self, endpoint: Endpoint) -> None:
        self.live.write(change_server(KEY, self.server(endpoint), None))

    def schedule(self, scheduler: str) -> None:
        service = self.live.read().director.pools[KEY].service
        self.live.write(change_service(service, replace(service, scheduler=scheduler)))

    @property
    def scheduler(self) -> str:
        return self.live.read().director.pools[KEY].service.scheduler

    def delete_service(self) -> None:
        pool = self.live.read().director.pools[KEY]
        self.live.write(Change(KEY, pool.service, None))

    def reload(self, old: str = "", new: str = "") -> None:
        """Change the file, have it read again, and wait a moment that is long for what comes of it."""
        before = self._logged(_RELOADED)
        self.config.write_text(self.config.read_text().replace(old, new))
        os.kill(owner(self.program).pid, signal.SIGHUP)
        until(lambda: self._logged(_RELOADED) > before, "a reload")
        time.sleep(_LONG)

    @property
    def failures(self) -> int:
        """How often a check of the first server has failed, by the log; keepalived logs those after a success."""
        return self._logged(_FAILED)

    def _logged(self, words: Mapping[str, str]) -> int:
        return self.log.read_text().count(words[self.program])


@contextmanager
def listening(*endpoints: Endpoint) -> Iterator[None]:
    with closing(_listener(endpoints[0])):
        if endpoints[1:]:
            with listening(*endpoints[1:]):
                yield
        else:
            yield


def _listener(endpoint: Endpoint) -> socket.socket:
    return socket.create_server((str(endpoint.address), endpoint.port), backlog=1000)  # nobody accepts what checks open


@contextmanager
def started(live: Live, folder: Path, program: str) -> Iterator[Beside]:
    config = folder / f"{program}.conf"
    config.write_text(KEEPALIVED if program == "keepalived" else LDIRECTORD)
    words = ("keepalived", "-nlf", config) if program == "keepalived" else ("ldirectord", "-d", config, "start")
    log = folder / "log"
    with running(live, *words, log=log):
        yield Beside(live, program, config, log)
    until(lambda: not any(owner.program == program for owner in OwnerWatch()()), f"{program} gone")


def test_keepalived_compares_its_files_and_not_the_kernel(live: Live, tmp_path: Path) -> None:
    with listening(FIRST, SECOND), started(live, tmp_path, "keepalived") as beside:
        until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "both servers")
        beside.weigh(FIRST, 0)
        beside.delete(SECOND)
        beside.add()
        beside.schedule("rr")
        beside.reload("delay_loop 1", "delay_loop 2")
        assert beside.weights == {"127.0.6.1:80": 0, "127.0.6.3:80": 5}
        assert beside.scheduler == "rr"
        beside.reload("weight 3", "weight 7")
        assert beside.weights == {"127.0.6.1:80": 7, "127.0.6.3:80": 5}
        beside.reload("lvs_sched wlc", "lvs_sched sh")
        assert beside.scheduler == "sh"
        beside.delete_service()
        beside.reload("delay_loop 2", "delay_loop 1")
        assert not beside.there
    assert not beside.there


def test_keepalived_sets_the_weight_of_its_file_once_a_check_fails_and_recovers(live: Live, tmp_path: Path) -> None:
    with listening(SECOND), started(live, tmp_path, "keepalived") as beside:
        until(lambda: beside.weights == {"127.0.6.2:80": 4}, "the first server taken out")
        with listening(FIRST):
            until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "the first server put in")
            beside.weigh(FIRST, 0)
            time.sleep(_LONG)
            assert beside.weights == {"127.0.6.1:80": 0, "127.0.6.2:80": 4}
        until(lambda: beside.weights == {"127.0.6.2:80": 4}, "the first server taken out again")
        with listening(FIRST):
            until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "the weight of the file")
            beside.delete(FIRST)
            time.sleep(_LONG)
            assert beside.weights == {"127.0.6.2:80": 4}
            failures = beside.failures
        until(lambda: beside.failures > failures, "a failed check of the deleted server")
        with listening(FIRST):
            until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "the deleted server put in")
        beside.add()
    assert not beside.there


def test_ldirectord_leaves_edits_while_its_checks_stay_as_they_are_and_undoes_them_at_a_reload(
    live: Live, tmp_path: Path
) -> None:
    with listening(FIRST, SECOND), started(live, tmp_path, "ldirectord") as beside:
        until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "both servers")
        beside.weigh(FIRST, 0)
        beside.delete(SECOND)
        beside.add()
        beside.schedule("rr")
        time.sleep(_LONG)
        assert beside.weights == {"127.0.6.1:80": 0, "127.0.6.3:80": 5}
        assert beside.scheduler == "rr"
        beside.reload()
        until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "all as the file says")
        until(lambda: beside.scheduler == "wlc", "the scheduler of the file")
        beside.delete_service()
        time.sleep(_LONG)
        assert not beside.there
        beside.reload()
        until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "all as the file says again")
    assert not beside.there


def test_ldirectord_sets_weights_when_a_check_changes_its_mind(live: Live, tmp_path: Path) -> None:
    with listening(SECOND), started(live, tmp_path, "ldirectord") as beside:
        with listening(FIRST):
            until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "both servers")
            beside.weigh(FIRST, 9)
        until(lambda: beside.weights == {"127.0.6.1:80": 0, "127.0.6.2:80": 4}, "weight 0")
        with listening(FIRST):
            until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "the weight of the file")
            beside.delete(FIRST)
            time.sleep(_LONG)
            assert beside.weights == {"127.0.6.2:80": 4}
            failures = beside.failures
        until(lambda: beside.failures > failures, "a failed check of the deleted server")
        time.sleep(_LONG)
        assert beside.weights == {"127.0.6.2:80": 4}
        with listening(FIRST):
            until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "the deleted server back")


@pytest.mark.parametrize("program", ["keepalived", "ldirectord"])
def test_a_command_says_what_becomes_of_its_edit_and_names_the_line(live: Live, tmp_path: Path, program: str) -> None:
    with listening(FIRST, SECOND), started(live, tmp_path, program) as beside:
        until(lambda: beside.weights == {"127.0.6.1:80": 3, "127.0.6.2:80": 4}, "both servers")
        profile = tmp_path / "director.toml"
        words = ("set", "tcp:192.0.2.61:80", "127.0.6.1:80", "weight=9")
        said = lvstui("--profile", profile, *words).stderr.splitlines()
        assert said[0].startswith(f"lvstui: warning: {program} manages tcp:192.0.2.61:80: ")
        line = "10: weight 3 -> weight 9"
        if program == "ldirectord":
            line = "6: real=127.0.6.1:80 masq 3 -> real=127.0.6.1:80 masq 9"
        assert said[1:] == [f"lvstui: in its file: {beside.config}:{line}"]
        assert beside.weights == {"127.0.6.1:80": 9, "127.0.6.2:80": 4}
