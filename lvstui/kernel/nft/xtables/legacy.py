"""The rules of iptables without nf_tables, where its tables are loaded: what iptables-legacy-save says about marks."""

from __future__ import annotations

import operator
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.fields import quote
from lvstui.core.observed import Rule
from lvstui.core.packets.program import Table
from lvstui.host.programs import find_program
from lvstui.kernel.namespace import call_in
from lvstui.kernel.nft.ipsets import reading as ipsets
from lvstui.kernel.nft.ipsets.reading import IpSet
from lvstui.kernel.nft.nfnetlink import Netfilter
from lvstui.kernel.nft.xtables.iptables_save import Saved, named_sets
from lvstui.kernel.port import KernelError

_NAMES: Final = {4: "/proc/thread-self/net/ip_tables_names", 6: "/proc/thread-self/net/ip6_tables_names"}
_PROGRAMS: Final = {
    4: ("iptables-legacy-save", "iptables-save"),
    6: ("ip6tables-legacy-save", "ip6tables-save"),
}
_PLACES = (Path("/usr/sbin"), Path("/sbin"), Path("/usr/local/sbin"))
"""Where the programs are looked for: PATH may be that of the user who became root."""

_ENVIRONMENT: Final = {"PATH": os.pathsep.join(map(str, _PLACES)), "LC_ALL": "C"}
"""Nothing of ours: XTABLES_LIBDIR would name a folder to load code from."""

_PATIENCE: Final = 10
_REST_AT_LEAST: Final = 5.0
"""Seconds after which the tables are looked for again, and the rules read again where that is quick."""
_REST: Final = 20
"""Nothing is read again for this many times as long as the reading took."""


class LegacyRules(NamedTuple):
    """Rules of legacy iptables, why they, or some, are not known, and the tables of the program."""

    rules: tuple[Rule, ...] = ()
    trouble: str = ""
    tables: tuple[Table, ...] = ()


class Legacy:
    """The newest look at legacy iptables of a network namespace; `clock` returns seconds.

    There is no generation to ask for, so the text is read again now and then, less often the longer that takes. No
    program is started where no table is loaded, as that alone would load one.
    """

    def __init__(self, netns: str | None, clock: Callable[[], float]) -> None:
        self._netns = netns
        self._clock = clock
        self._found = LegacyRules()
        self._saved: dict[int, Saved] = {}
        self._resting = float("-inf")

    def read(self) -> LegacyRules:
        """Read the rules; return the same object as long as nothing has changed."""
        now = self._clock()
        if now < self._resting:
            return self._found
        try:
            found = call_in(self._netns, self._look)
        except KernelError:
            found = LegacyRules()  # nf_tables' side says what is wrong with the namespace
        if found != self._found:
            self._found = found
        self._resting = self._clock() + max(_REST_AT_LEAST, _REST * (self._clock() - now))
        return self._found

    def _look(self) -> LegacyRules:
        rules: list[Rule] = []
        tables: list[Table] = []
        troubles: list[str] = []
        for version, path in _NAMES.items():
            try:
                text = _save(version) if _is_loaded(path) else ""
            except _Unread as problem:
                troubles.append(str(problem))
                continue
            before = self._saved.get(version)
            held = _read_ipsets(named_sets(text))
            saved = Saved(text, version, held) if before is None else before.again(text, held)
            self._saved[version] = saved
            rules += saved.rules
            tables += saved.tables
            troubles += map(_not_understood, saved.strange)
        kept = self._found.tables
        same = len(kept) == len(tables) and all(map(operator.is_, kept, tables))
        return LegacyRules(tuple(rules), "; ".join(dict.fromkeys(troubles)), kept if same else tuple(tables))


def _read_ipsets(names: Sequence[str]) -> Mapping[str, IpSet]:
    """Read sets in this thread's network namespace; of one that cannot be read, nothing is known."""
    if not names:
        return {}
    try:
        with closing(Netfilter(None)) as netfilter:
            return {name: ipsets.read(netfilter, name) for name in names}
    except (OSError, KernelError):
        return {}


def _not_understood(row: str) -> str:
    return f"iptables-legacy-save wrote a line that lvstui does not understand: {quote(row)}"


class _Unread(Exception):
    """Why the rules of legacy iptables are not known, as a sentence."""


def _is_loaded(path: str) -> bool:
    """Return whether a file of /proc lists tables; it is missing where legacy iptables is not there at all."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (no Path: it is read at every look)
            return bool(file.read().strip())
    except FileNotFoundError:
        return False
    except OSError as problem:
        raise _Unread(
            f"cannot see whether legacy iptables marks packets ({problem.strerror}): start lvstui as root"
        ) from None


def _save(version: int) -> str:
    """Read all rules as text, without naming a table, as that would load it."""
    for name in _PROGRAMS[version]:
        program = find_program(name, _PLACES)
        if program is None:
            continue
        try:
            done = subprocess.run(
                [program, "-c"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE,
                check=False,
                env=_ENVIRONMENT,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise _Unread(f"{name} did not list the rules of legacy iptables: {problem}") from None
        text = done.stdout.decode("utf-8", "surrogateescape")
        if "nf_tables" in text.partition("\n")[0] or "-nft-" in text.partition("\n")[0]:
            continue  # this one speaks of nf_tables, which is read otherwise
        if done.returncode:
            reason = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise _Unread(f"{name} does not list the rules of legacy iptables ({reason}): start lvstui as root")
        return text
    raise _Unread(
        "tables of legacy iptables are loaded, and iptables-legacy-save, which lists their rules, is not installed "
        f"in {', '.join(map(str, _PLACES))}, or others than root may change it"
    )
