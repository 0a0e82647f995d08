"""kill -9 at any moment of changes on trial in a real kernel, of their guards, and words that race with guards."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final
from unittest.mock import patch

from lvstui.commands import trial as trial_commands
from lvstui.core import fields
from lvstui.core.change import Change, kernel_writes
from lvstui.core.drift import diff
from lvstui.core.model import Director, Pool, Service
from lvstui.core.trial import Phase, Trial
from lvstui.engine.trials import desk
from lvstui.formats.profile.write import dumps, loads
from lvstui.host.home import find_home
from lvstui.kernel.live import Live
from lvstui.kernel.port import Refused
from lvstui.store.trial_file import TrialFile
from lvstui.store.trial_place import trial_path
from tests.build import server
from tests.campaign import Report
from tests.campaign.kills import Arena, Words, arena

NEEDS = "uml"

_LOADED: Final = (trial_commands, desk)
"""What a command imports: a child that is forked has it already, so that kills fall into its work."""

_SERVICES: Final = 60
_SECONDS: Final = 1
"""How long a change is on trial here."""

_RACED: Final = 3
"""How long it is where a word comes at its end: time for the word to start."""

_CLOSE: Final = 0.1
"""Seconds before the end in which a word is at it together with the guard."""

_PATIENCE: Final = 30.0


def guards() -> list[int]:
    """Return the processes that are on guard."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if b"lvstui.engine.trials.guard" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


@dataclass
class Stage:
    """A kernel with changes on trial, and what it was before them."""

    place: Arena
    before: Director

    @property
    def file(self) -> TrialFile:
        return TrialFile(trial_path(find_home()))

    @property
    def said(self) -> str:
        """What the last command printed."""
        return (self.place.folder / "output").read_text()[-300:]

    def differs(self, wanted: Director) -> bool:
        running = self.place.running
        return bool(kernel_writes(diff(running, replace(wanted, timeouts=running.timeouts, sysctl=running.sysctl))))

    def wait(self) -> Iterator[str]:
        """Wait until the trial has ended and nobody is on guard any more."""
        end = time.monotonic() + _PATIENCE
        while (guards() or self.file.path.exists()) and time.monotonic() < end:
            if not guards() and not self.differs(self.before):
                return  # killed before a guard was armed: nothing was written, and the next start removes the file
            time.sleep(0.05)
        if guards():
            yield f"on guard for ever: {guards()}"
        if self.file.path.exists():
            yield "the trial has not ended"

    def settled(self) -> Iterator[str]:
        """Yield what is wrong once a trial has been taken back: the kernel is as before, and so is the profile."""
        yield from self.wait()
        if self.differs(self.before):
            yield "the kernel is not as it was before"
        yield from self._fits()

    def _fits(self) -> Iterator[str]:
        saved = loads(self.place.profile.read_text(), "profile")
        if self.differs(saved):
            yield "the profile is not what the kernel holds"
        if self.place.run(["show"]):
            yield f"the next start: {self.said}"
        if self.file.path.exists():
            yield "the next start leaves a trial"
        self.file.forget_ended()


def _table() -> Director:
    pools = {}
    for number in range(_SERVICES):
        key = fields.service(f"tcp:192.0.3.{number + 1}:80")
        servers = [server(f"127.1.3.{number + 1}:{port}", weight=1) for port in (81, 82)]
        pools[key] = Pool(Service(key), {one.endpoint: one for one in servers})
    return Director(pools)


class Chance:
    """Chooses commands that put a change on trial."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._random = stage.place.random

    def words(self) -> Words:
        """Return a command; of an apply there are many writes."""
        table = self._stage.before.pools
        key = self._random.choice(list(table))
        name, one = fields.service_text(key), fields.server_text(next(iter(table[key].servers)))
        within = ("--confirm-within", str(_SECONDS))
        match self._random.randrange(4):
            case 0:
                return "set", name, one, f"weight={self._random.randrange(2, 9999)}", *within
            case 1:
                return "delete", name, "--yes", *within
            case 2:
                return "add", f"tcp:192.0.4.{self._random.randrange(1, 250)}:80", "scheduler=rr", *within
            case _:
                return "apply", str(self._other()), "--force", *within

    def _other(self) -> Path:
        """Return a profile in which all weights and some services are others."""
        pools = {
            key: replace(
                pool,
                servers={end: replace(one, weight=self._random.randrange(2, 99)) for end, one in pool.servers.items()},
            )
            for key, pool in self._stage.before.pools.items()
            if self._random.random() < 0.9
        }
        path = self._stage.place.folder / "other.toml"
        path.write_text(dumps(Director(pools)))
        return path


def _tries(name: str, seconds: float, once: Callable[[], tuple[bool, list[str]]]) -> Report:
    """Try something for so many seconds; it returns whether it hit what it was after, and what is wrong."""
    tried = hit = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or not tried:
        was_hit, wrong = once()
        tried, hit = tried + 1, hit + was_hit
        if wrong:
            return Report(f"{name}, {hit} hits", tried, 1, "; ".join(wrong))
    return Report(f"{name}, {hit} hits", tried, 0)


def kill_author(stage: Stage, chance: Chance, spans: list[float]) -> tuple[bool, list[str]]:
    """Kill whoever begins a trial at some moment; the guard alone brings the kernel back."""
    words, began = chance.words(), time.monotonic()
    after = stage.place.random.uniform(0, max(spans) * 1.1) if spans else None
    status = stage.place.run(words, signal.SIGKILL, after)
    if status == 0:
        spans[:] = [*spans[-5:], time.monotonic() - began]
    wrong = [] if status in (0, -signal.SIGKILL) else [f"status {status}"]
    is_guarded = stage.file.path.exists() and guards()  # looked at first, as a guard may fire at this moment
    if stage.differs(stage.before) and not is_guarded:
        wrong.append("the kernel is not as before, and nobody is on guard")
    wrong += stage.settled()
    return status == -signal.SIGKILL, [f"{' '.join(words)} after {after}: {text}" for text in wrong]


def kill_guard(stage: Stage, chance: Chance) -> tuple[bool, list[str]]:
    """Kill the guard at about the moment when it takes back; the next start brings the kernel back."""
    if stage.place.run((*chance.words()[:-1], str(_RACED))):
        return False, [stage.said]
    time.sleep(max(0.0, _left(stage) + stage.place.random.uniform(-0.05, 0.4)))
    found = guards()
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    trial = stage.file.load()
    if trial is not None:
        stage.file.mark(replace(trial, deadline=1.0))  # nobody waits here for the moment at which others take over
        stage.place.run(["show"])
    return bool(found), list(stage.settled())


class Aim:
    """Starts words so that they and the guard come first about equally often, and notes when they were decided."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lead = 0.5  # seconds before the end
        self._step = 0.2
        self._won: bool | None = None
        self._notes = stage.place.folder / "decided"

    def run(self, words: Words) -> tuple[int, float | None]:
        """Run a word at about the end of a trial; return its status, and how long before the end it was decided.

        The latter is None where the guard was first.
        """
        stage = self._stage
        trial = stage.file.load()
        end = trial.deadline if trial else 0.0
        self._notes.unlink(missing_ok=True)
        jitter = stage.place.random.uniform(-0.02, 0.02)
        time.sleep(max(0.0, end - _now() - max(0.0, self._lead + jitter)))
        with patch.object(TrialFile, "mark", self._noting(TrialFile.mark)):
            status = stage.place.run(words)
        self._learn(won=status == 0)
        return status, end - float(self._notes.read_text()) if self._notes.exists() else None

    def _noting(self, mark: Callable[[TrialFile, Trial], None]) -> Callable[[TrialFile, Trial], None]:
        """Return what notes the moment, in the child that runs the word, and decides then."""

        def mark_then(file: TrialFile, trial: Trial) -> None:
            self._notes.write_text(str(_now()))
            mark(file, trial)

        return mark_then

    def _learn(self, *, won: bool) -> None:
        if self._won not in (None, won):
            self._step = max(0.02, self._step / 2)
        self._won = won
        self._lead += -self._step if won else self._step


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def race(stage: Stage, chance: Chance, aim: Aim) -> tuple[bool, list[str]]:
    """Keep a trial at about the moment when its guard fires: one of the two wins, and that for good.

    It is a hit where both of them were at it: decided in the last tenth of a second, or lost.
    """
    if stage.place.run((*chance.words()[:-1], str(_RACED))):
        return False, [stage.said]
    after = stage.place.running
    wanted = loads(stage.place.profile.read_text(), "profile")
    status, before = aim.run(["confirm"])
    wrong = list(stage.wait())
    if status == 0:
        if stage.differs(after):
            wrong.append("it was kept, and the kernel has it no more")
    elif status == 1:
        if stage.differs(stage.before):
            wrong.append("it was not kept, and the kernel still has it")
    else:
        wrong.append(f"status {status}: {stage.said}")
    time.sleep(0.3)
    if stage.differs(after if status == 0 else stage.before):
        wrong.append("a guard has fired later")
    stage.place.run(["apply", str(_saved(stage, wanted)), "--force"])
    return before is None or before < _CLOSE, wrong


def race_to_extend(stage: Stage, chance: Chance, aim: Aim) -> tuple[bool, list[str]]:
    """Extend a trial at about the moment when its guard fires: where it is extended, the guard stays for that.

    What is a hit is as for `race`.
    """
    if stage.place.run((*chance.words()[:-1], str(_RACED))):
        return False, [stage.said]
    after = stage.place.running
    status, before = aim.run(["extend", "2"])
    wrong = [] if status in (0, 1) else [f"status {status}: {stage.said}"]
    if status == 0 and _left(stage) > 0.5 and stage.differs(after):
        wrong.append("it was extended, and is taken back all the same")
    wrong += stage.settled()
    return before is None or before < _CLOSE, wrong


def kill_word(stage: Stage, chance: Chance, spans: list[float]) -> tuple[bool, list[str]]:
    """Kill who keeps a trial at some moment: the guard has it back, or the next start finds that it was kept."""
    words = (*chance.words()[:-1], "5")
    if stage.place.run(words):
        return False, [stage.said]
    after, wanted = stage.place.running, loads(stage.place.profile.read_text(), "profile")
    began = time.monotonic()
    moment = stage.place.random.uniform(0, max(spans) * 1.1) if spans else None
    end = _now() + _left(stage)
    status = stage.place.run(["confirm"], signal.SIGKILL, moment)
    if status == 0:
        spans[:] = [*spans[-5:], time.monotonic() - began]
    trial = stage.file.load()
    wrong: list[str] = []
    if status and _now() > end:  # on a busy machine the guard may have been first, which `race` is about
        wrong += stage.wait()
    elif trial is not None and trial.phase is Phase.ON_TRIAL:
        wrong += stage.settled()
    else:
        stage.place.run(["show"])
        if stage.file.path.exists():
            wrong.append("what was kept is not saved by the next start")
        time.sleep(max(0.0, began + 6 - time.monotonic()))
        if stage.differs(after):
            wrong.append("it was kept, and the kernel has it no more")
        saved = loads(stage.place.profile.read_text(), "profile")
        if words[0] != "apply" and stage.differs(saved):
            wrong.append("it was kept, and the profile has it not")
    stage.place.run(["apply", str(_saved(stage, wanted)), "--force"])
    return status == -signal.SIGKILL, [f"{' '.join(words)}, confirm after {moment}: {text}" for text in wrong]


def _left(stage: Stage) -> float:
    trial = stage.file.load()
    return trial.left() if trial else 0.0


def _saved(stage: Stage, wanted: Director) -> Path:
    """Put the profile back to what it was before a change was kept."""
    stage.file.forget_ended()
    stage.place.profile.write_text(dumps(wanted))
    return stage.place.profile


def refuse(stage: Stage, chance: Chance) -> tuple[bool, list[str]]:
    """Try what is refused, at once or after other writes: all is as before, and nobody stays on guard."""
    del chance
    pick = stage.place.random
    pool = pick.choice(list(stage.before.pools.values()))
    within = ("--confirm-within", "60")
    words: Words
    if pick.random() < 0.5:
        words, reason = ("set", fields.service_text(pool.service.key), "scheduler=nonsense", *within), "nonsense"
        status = stage.place.run(words)
    else:
        words = ("drain", "--machine", str(next(iter(pool.servers)).address), *within)  # of two servers
        reason = "refused for a try"
        with patch.object(Live, "write", _refusing(pick.randrange(2), reason)):
            status = stage.place.run(words)
    wrong = [] if status == 1 and reason in stage.said else [f"it was not refused: status {status}, {stage.said}"]
    end = time.monotonic() + _PATIENCE
    while guards() and time.monotonic() < end:  # one that sees within half a second that there is nothing to guard
        time.sleep(0.05)
    if guards() or stage.file.path.exists():
        wrong.append("somebody is still on guard")
    if stage.differs(stage.before):
        wrong.append("the kernel is not as it was before")
    return status == 1, [f"{' '.join(words)}: {text}" for text in wrong]


def _refusing(number: int, reason: str) -> Callable[[Live, Change], None]:
    """Return what writes to a kernel, but for one write of a number, from 0; it is for one child."""
    write, done = Live.write, count()

    def write_or_refuse(kernel: Live, change: Change) -> None:
        if next(done) == number:
            raise Refused(reason)
        write(kernel, change)

    return write_or_refuse


def run(seconds: float, seed: int) -> Iterator[Report]:
    """Kill authors and guards, and let words race with guards."""
    table = _table()
    with arena(seed, table) as place:
        place.random = random.Random(seed)
        stage = Stage(place, place.running)
        chance = Chance(stage)
        attacks: Sequence[tuple[str, float, Callable[[], tuple[bool, list[str]]]]] = (
            ("kill -9 of who begins a trial", 0.4, partial(kill_author, stage, chance, [])),
            ("kill -9 of the guard as it fires", 0.15, partial(kill_guard, stage, chance)),
            ("confirm as the guard fires", 0.15, partial(race, stage, chance, Aim(stage))),
            ("extend as the guard fires", 0.1, partial(race_to_extend, stage, chance, Aim(stage))),
            ("kill -9 of who keeps a trial", 0.15, partial(kill_word, stage, chance, [])),
            ("a refused trial", 0.05, partial(refuse, stage, chance)),
        )
        for name, share, once in attacks:
            yield _tries(name, seconds * share, once)
