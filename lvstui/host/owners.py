"""Other programs that write to this table: keepalived, kube-proxy, dockerd, another lvstui …; by their processes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.record import OWN_NAME, Owner
from lvstui.host.claims import Claims, keepalived_claims, ldirectord_claims
from lvstui.host.foreign import Allowance, is_trusted, read_start
from lvstui.host.home import DOCKER_NAMES, identity, listed, namespace_path
from lvstui.host.monitors import remarks

INTERVAL: Final = 10.0
"""Seconds between two searches of the processes."""

_KUBERNETES: Final = ("k3s", "k3s-server", "k3s-agent", "kubelite")
"""Programs that have kube-proxy inside: those of K3s and of MicroK8s."""

_WHOLE_TABLE: Final = ("surealived", "ipvssync", "lvsd", "seesaw_ncc")
"""Programs that write all that they find in the table: SureAliveD and its writer, Piranha, Seesaw."""

_PROGRAMS: Final = (
    *("keepalived", "ldirectord", "kube-proxy", "dockerd", "kube-router", "kube-vip"),
    *_KUBERNETES,
    *_WHOLE_TABLE,
    OWN_NAME,
)
_KEEPALIVED_CONF: Final = "/etc/keepalived/keepalived.conf"
_LDIRECTORD_FOLDERS: Final = ("/etc/ha.d", "/etc/ha.d/conf")
_PROXY_MODE: Final = re.compile(r"^[ \t]*mode:[ \t]*[\"']?ipvs\b", re.MULTILINE)
_PROXY_ARGUMENT: Final = re.compile(r"proxy-mode[\"']?[=:][ \t]*[\"']?ipvs\b")
"""What K3s hands to its kube-proxy, by `--kube-proxy-arg` or in its configuration."""

_K3S_CONF: Final = "/etc/rancher/k3s/config.yaml"
_IPVS_INTERFACE: Final = re.compile(r"^ *kube-ipvs0:", re.MULTILINE)
"""The interface on which kube-proxy in ipvs mode, and nobody else, has the addresses of its services."""

_DOCKER_FOLDER: Final = "/var/lib/docker"
_SWARM: Final = "swarm"
_SWARM_STATE: Final = "docker-state.json"
"""Below Docker's folder, while the node is in a Swarm (daemon/cluster/cluster.go)."""

_FALSE: Final = ("0", "f", "false")
_CLUSTER: Final = re.compile(r"-[^-SgprcbsiAu]*?f(.*)", re.DOTALL)
"""keepalived's -f, alone or behind other letters that take no value."""

_Seen = tuple[tuple[str, int, int], ...]


class Process(NamedTuple):
    """A process of a program, with its command line as far as that can be read."""

    pid: int
    parent: int
    program: str
    command: tuple[str, ...]


def processes(programs: Collection[str], proc: Path = Path("/proc")) -> Iterator[Process]:
    """Yield the processes of these programs that root or we have started; no other may write to the table.

    A process may append what it does to its own name. Of others nothing but name and user is read: who owns a
    process can make the reading of its command line wait.
    """
    try:
        pids = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal())
    except OSError:
        return
    for pid in pids:
        if process := _process(proc / str(pid), pid, programs):
            yield process


def _process(folder: Path, pid: int, programs: Collection[str]) -> Process | None:
    """Return a process if it is one of these programs and of a user whom we trust."""
    try:
        program = read_start(folder / "comm").decode(errors="replace").partition("\n")[0].partition(" ")[0]
        if program not in programs:
            return None
        status = dict(line.split(b":", 1) for line in read_start(folder / "status").splitlines() if b":" in line)
        if not is_trusted(int(status[b"Uid"].split()[0])):  # the real one: set-user-ID programs are for everybody
            return None
        words = read_start(folder / "cmdline").decode(errors="replace").rstrip("\0").split("\0")
        return Process(pid, int(status[b"PPid"]), program, tuple(words))
    except (OSError, ValueError, LookupError):  # it has ended
        return None


class OwnerWatch:
    """Looks for other programs that write to the table of one network namespace, every ten seconds at most.

    A configuration is read again only when one of its files has changed.
    """

    def __init__(
        self,
        netns: str | None = None,
        *,
        find: Callable[[Collection[str]], Iterable[Process]] = processes,
        clock: Callable[[], float] = time.monotonic,
        proc: Path = Path("/proc"),
        dockers: Path = DOCKER_NAMES,
        ours: Collection[int] = (),
    ) -> None:
        self._namespace = identity(namespace_path(netns) if netns else proc / "self/ns/net")
        self._find = find
        self._clock = clock
        self._proc = proc
        self._dockers = dockers
        self._ours = frozenset(ours or (os.getpid(),))
        self._due = clock()
        self._owners: tuple[Owner, ...] = ()
        self._read: dict[str, tuple[_Seen, Claims]] = {}

    def __call__(self) -> tuple[Owner, ...]:
        """Return the owners that the newest search found."""
        now = self._clock()
        if now >= self._due:
            self._due = now + INTERVAL
            self._owners = tuple(self._search())
        return self._owners

    def _search(self) -> Iterator[Owner]:
        found = [
            process for process in self._find(_PROGRAMS) if process.pid not in self._ours and self._writes_here(process)
        ]
        pids = {process.pid for process in found}
        # Children share the work of their parent, and do not always show its command line.
        for process in sorted(process for process in found if process.parent not in pids):
            if owner := self._owner(process):
                yield owner

    def _writes_here(self, process: Process) -> bool:
        """Return whether a process is in our namespace, or is Docker's and the namespace is one that Docker made.

        A process whose namespace cannot be read counts as being in ours.
        """
        namespace = identity(self._proc / str(process.pid) / "ns/net")
        if namespace is None or self._namespace is None or namespace == self._namespace:
            return True
        return process.program == "dockerd" and any(identity(path) == self._namespace for path in listed(self._dockers))

    def _owner(self, process: Process) -> Owner | None:
        if not self._is_at_work(process):
            return None
        match process.program:
            case "keepalived":
                return self._keepalived(process)
            case "ldirectord":
                config = self._ldirectord_conf(process)
                claims = self._claims(process, config, ldirectord_claims)
                return Owner("ldirectord", process.pid, config, claims.services, tuple(remarks(claims.monitors)))
            case program if program == OWN_NAME:
                return Owner(OWN_NAME, process.pid, services=frozenset())
            case program:
                return Owner(program, process.pid)

    def _is_at_work(self, process: Process) -> bool:
        """Return whether a program that may do other things only writes to IPVS; it does where nothing shows that."""
        match process.program:
            case "kube-proxy":
                return self._uses_ipvs(process)
            case "kube-router":
                return _value(process.command, "--run-service-proxy").lower() not in _FALSE
            case "kube-vip":
                return self._balances(process)
            case "dockerd":
                return self._is_in_swarm(process)
            case program if program in _KUBERNETES:
                return self._has_ipvs_proxy(process)
            case _:
                return "--demo" not in process.command

    def _keepalived(self, process: Process) -> Owner | None:
        config = keepalived_conf(process.command[1:])
        if config is None:
            return None
        claims = self._claims(process, config, keepalived_claims)
        return Owner("keepalived", process.pid, config, claims.services, flushes=claims.flushes)

    def _ldirectord_conf(self, process: Process) -> str:
        """Return the file as ldirectord finds it: the word before `start`, in its own folders first."""
        words = [word for word in process.command if not word.startswith("-")]
        script = next((at for at, word in enumerate(words) if Path(word).name == "ldirectord"), 0)
        rest = words[script + 1 :]
        name = rest[0] if len(rest) > 1 else "ldirectord.cf"
        for folder in _LDIRECTORD_FOLDERS:
            if self._path(process, f"{folder}/{name}").is_file():
                return f"{folder}/{name}"
        return name

    def _uses_ipvs(self, process: Process) -> bool:
        """Return whether kube-proxy is in ipvs mode, by its command line or else by its configuration."""
        if mode := _value(process.command, "--proxy-mode"):
            return mode == "ipvs"
        config = _value(process.command, "--config")
        if not config:
            return False
        try:
            return _PROXY_MODE.search(Allowance().read(self._path(process, config))) is not None
        except OSError:
            return True

    def _has_ipvs_proxy(self, process: Process) -> bool:
        """Return whether the kube-proxy inside of a program is in ipvs mode.

        K3s hides its command line once it runs, so what kube-proxy made counts as well.
        """
        config = _value(process.command, "--config") or _K3S_CONF
        with suppress(OSError):
            devices = read_start(self._proc / str(process.pid) / "net/dev").decode(errors="replace")
            if _IPVS_INTERFACE.search(devices):
                return True
        with suppress(OSError):
            text = Allowance().read(self._path(process, config))
            return any(map(_PROXY_ARGUMENT.search, (text, *process.command)))
        return any(map(_PROXY_ARGUMENT.search, process.command))

    def _balances(self, process: Process) -> bool:
        """Return whether kube-vip balances by IPVS, which is asked for by an option or in its environment."""
        option = "--enableLoadBalancer"
        if any(word.partition("=")[0] == option for word in process.command):
            return _value(process.command, option).lower() not in _FALSE
        try:
            words = read_start(self._proc / str(process.pid) / "environ").decode(errors="replace").split("\0")
        except OSError:
            return True
        settings = dict(word.partition("=")[::2] for word in words)
        if "lb_enable" in settings:
            return settings["lb_enable"].lower() not in _FALSE
        return not {"cp_enable", "svc_enable", "vip_arp", "vip_interface"} & settings.keys()

    def _is_in_swarm(self, process: Process) -> bool:
        """Return whether a node is in a Swarm; one whose folder of Docker cannot be found counts as being in one."""
        folder = self._path(process, _value(process.command, "--data-root") or _DOCKER_FOLDER) / _SWARM
        return not folder.is_dir() or (folder / _SWARM_STATE).exists()

    def _claims(self, process: Process, config: str, read: Callable[[Path, Path], Claims]) -> Claims:
        root = self._root(process)
        name = f"{root}:{config}"
        seen, claims = self._read.get(name, ((), Claims(None, ())))
        if not seen or _signatures(claims.files) != seen:
            absolute = config.startswith("/")
            claims = read(Path(config), root) if absolute else read(self._path(process, config), Path("/"))
            self._read[name] = _signatures(claims.files), claims
        return claims

    def _root(self, process: Process) -> Path:
        """Return the root folder of a process, which may run in a container; ours where that cannot be read."""
        root = self._proc / str(process.pid) / "root"
        return root if os.access(root, os.R_OK | os.X_OK) else Path("/")

    def _path(self, process: Process, text: str) -> Path:
        if text.startswith("/"):
            return self._root(process) / text.lstrip("/")
        return self._proc / str(process.pid) / "cwd" / text


@cache
def _watch_for_parent(netns: str | None) -> OwnerWatch:
    return OwnerWatch(netns, ours=(os.getpid(), os.getppid()))


def owners_in(netns: str | None) -> tuple[Owner, ...]:
    """Return the programs that write to the table of a namespace, as the witness sees them for its parent."""
    return _watch_for_parent(netns)()


def keepalived_conf(words: Sequence[str]) -> str | None:
    """Return the configuration that keepalived reads by these options, None where it leaves IPVS alone."""
    if {"-P", "--vrrp"} & {*words} and not {"-C", "--check"} & {*words}:
        return None
    short = next((found for word in words if (found := _CLUSTER.fullmatch(word))), None)
    config = _value(words, "--use-file") or _KEEPALIVED_CONF
    if short:
        config = short[1] or next(iter(words[words.index(short[0]) + 1 :]), config)
    return config


def _signatures(files: Iterable[Path]) -> _Seen:
    """Return the time of change and the size of files, 0 for those that cannot be read."""
    seen = []
    for path in files:
        try:
            found = path.stat()
        except OSError:
            seen.append((str(path), 0, 0))
        else:
            seen.append((str(path), found.st_mtime_ns, found.st_size))
    return tuple(seen)


def _value(words: Sequence[str], option: str) -> str:
    """Return the value of `--option=value` or `--option value`; empty where there is none."""
    for at, word in enumerate(words):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option:
            return next(iter(words[at + 1 :]), "")
    return ""
