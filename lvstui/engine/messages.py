"""What the worker is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from lvstui.core.change import EMPTY, Change, Value, with_profile_values
from lvstui.core.describe import describe
from lvstui.core.doctor.finding import Report
from lvstui.core.entries.edits import EntryEdit, EntryReport
from lvstui.core.entries.sync_message import Message
from lvstui.core.health.verdict import Health
from lvstui.core.model import Address, Director, ServerKey, ServiceKey
from lvstui.core.observed import Reading, Scan
from lvstui.core.packets.packet import Packet
from lvstui.core.probes.finding import Probed
from lvstui.core.record import Kind
from lvstui.core.snapshot import Snapshot
from lvstui.core.trace.trace import Trace
from lvstui.core.trial import SECONDS, Trial
from lvstui.kernel.port import KernelError, Refused


@dataclass(frozen=True, slots=True)
class Edit:
    """Request: make these changes, in order, in the kernel and in the profile.

    A `whole` edit is made completely or not at all: what was written is taken back when a part of it is refused. So is
    one that leads to an earlier state: half of it would be neither. One that leads to a profile goes on without what
    is refused, as `ipvsadm -R` does; any other ends there.

    Once all changes hold, the clients that stick to the real servers that it `empties` are moved to the others of
    their services, by weight. That is an edit of entries: a record of its own, and nothing that can be taken back.

    With a `trial` of so many seconds the kernel has the changes for that long, and the profile has not, until somebody
    says that they stay; else a guard takes them back. Such an edit empties nothing.
    """

    changes: tuple[Change, ...]
    kind: Kind = Kind.DO
    whole: bool = False
    empties: tuple[ServerKey, ...] = ()
    trial: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether the edit is made completely or not at all."""
        if self.whole or self.kind in (Kind.UNDO, Kind.REDO, Kind.ROLLBACK):
            return True
        return self.trial > 0 and not self.goes_on

    @property
    def goes_on(self) -> bool:
        """Whether what is refused stops nothing but what depends on it."""
        return self.kind is Kind.APPLY and not self.whole


@dataclass(frozen=True, slots=True)
class Keep:
    """Request: the change on trial stays; with `force` also where it is another person's."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class Extend:
    """Request: the change on trial is on trial for so many seconds more; `force` as for `Keep`."""

    seconds: float = SECONDS
    force: bool = False


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Request: take the change on trial back now; `force` as for `Keep`."""

    force: bool = False


@dataclass(frozen=True, slots=True)
class SaveAll:
    """Request: take everything that the kernel holds into the profile, which ends the drift."""


@dataclass(frozen=True, slots=True)
class Zero:
    """Request: zero the counters of one service with its servers, or (None) of everything."""

    key: ServiceKey | None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Request: take the kernel's side of these differences (of `ProfileState.drift`) into the profile, no more."""

    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """Request: read every `interval` seconds, or not at all while paused; edits are still applied and read back."""

    interval: float
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ReadNow:
    """Request: read at once, also while paused, and the connection table as well where somebody looks at it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Request: somebody looks at the connection table, or (not `on`) nobody does any more.

    `client` is one that is looked for, for whom a reading may take as long as it takes.
    """

    on: bool
    client: Address | None = None


@dataclass(frozen=True, slots=True)
class Peek:
    """Request: read the connection table for a moment, to find who sticks; not while somebody looks at it anyway."""


@dataclass(frozen=True, slots=True)
class EditEntries:
    """Request: make these edits of persistence entries, at most `pace` a second (0: as fast as it goes)."""

    edits: tuple[EntryEdit, ...]
    pace: float = 0.0


@dataclass(frozen=True, slots=True)
class Follow:
    """Request: follow a packet through the rules and through IPVS, as they are now."""

    packet: Packet


@dataclass(frozen=True, slots=True)
class Examine:
    """Request: look for what is wrong with a service, with `probe` by asking its real servers too."""

    key: ServiceKey
    probe: bool = False


@dataclass(frozen=True, slots=True)
class AskServers:
    """Request: ask these real servers whether they are there, and nobody any more who is still waiting for that."""

    keys: tuple[ServerKey, ...]


@dataclass(frozen=True, slots=True)
class StopEntries:
    """Request: stop the edits of entries that are under way, once those in hand are done."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """Request, by the scanner: show what is known of the connection table."""

    scan: Scan


@dataclass(frozen=True, slots=True)
class Glanced:
    """Request, by the scanner: see what this part of the connection table says of the real servers."""

    scan: Scan


@dataclass(frozen=True, slots=True)
class Consult:
    """Request, by the scanner's thread: send the kernel these messages, then read its counters anew.

    `answer` takes the reading, or why there is none.
    """

    messages: tuple[Message, ...]
    answer: Callable[[Reading | KernelError], None]


@dataclass(frozen=True, slots=True)
class Reported:
    """Request, by the scanner's thread: pass on what became of an edit; without a report that was all of them."""

    report: EntryReport | None
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Request, by a prober's thread: show what came of asking a real server."""

    key: ServerKey
    probed: Sequence[Probed]


@dataclass(frozen=True, slots=True)
class Broken:
    """Request, by the scanner's thread: end loudly with an error that nobody foresaw, and that has ended the thread."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Stop:
    """Request: end the loop after what was asked before."""


TrialRequest: TypeAlias = Keep | Extend | TakeBack
OperatorRequest: TypeAlias = (
    Edit
    | TrialRequest
    | SaveAll
    | Adopt
    | Zero
    | Pace
    | ReadNow
    | Watch
    | EditEntries
    | StopEntries
    | Follow
    | Examine
    | AskServers
)
"""Requests that a reading of the kernel follows, to show what came of them."""

HelperRequest: TypeAlias = Scanned | Glanced | Consult | Reported | Answered | Broken | Peek
"""Requests that no reading of the kernel follows: most come from the worker's other threads."""

Request: TypeAlias = OperatorRequest | HelperRequest | Stop


@dataclass(frozen=True, slots=True)
class Applied:
    """Event: the kernel holds all changes of the edit, and so does the profile where there is one."""

    edit: Edit

    @property
    def done(self) -> tuple[Change, ...]:
        """The changes that hold now."""
        return self.edit.changes


@dataclass(frozen=True, slots=True)
class Zeroed:
    """Event: the counters of one service, or (None) all of them, start from zero."""

    key: ServiceKey | None


@dataclass(frozen=True, slots=True)
class Followed:
    """Event: what becomes of a packet; `reading` is the one that the trace stands on, `health` what is known then."""

    trace: Trace
    reading: Reading
    health: Health = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Examined:
    """Event: this was found about a service; `director` has the names."""

    asked: Examine
    report: Report
    director: Director


@dataclass(frozen=True, slots=True)
class EntryProgress:
    """Event: this became of one edit of an entry, the `done`-th of `total`."""

    report: EntryReport
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class EntriesDone:
    """Event: all edits of entries that were asked for have ended; `total` may be more than were tried."""

    reports: tuple[EntryReport, ...]
    total: int


class Refusal(NamedTuple):
    """A change that was refused, or (not `tried`) that depends on such a one, and why."""

    change: Change
    reason: str
    tried: bool = True

    def line(self, director: Director = EMPTY) -> str:
        """Return it as a line; the names of services are those of `director`."""
        return f"{'refused  ' if self.tried else 'not tried'}  {describe(self.change, director)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Event: an edit ended before its end, as the kernel said `error`. `done` went through, usually nothing.

    `failed` is the write that was refused, None where none was tried; what comes after it was not. Of a whole edit
    `done` is what could not be taken back, and `aftermath` says so; of one that goes on `refusals` came before it.
    """

    edit: Edit
    error: KernelError
    done: tuple[Change, ...] = ()
    failed: Change | None = None
    aftermath: str = ""
    refusals: tuple[Refusal, ...] = ()

    @property
    def sentence(self) -> str:
        """Why the edit ended, and what became of what was written before."""
        return f"{self.error}; {self.aftermath}" if self.aftermath else str(self.error)

    @property
    def field(self) -> str:
        """The attribute to mend (the profile's names), empty where none is to blame."""
        return self.error.field if isinstance(self.error, Refused) else ""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Event: an edit went on without what the kernel refused of it; `done` holds."""

    edit: Edit
    done: tuple[Change, ...]
    refusals: tuple[Refusal, ...]

    @property
    def sentence(self) -> str:
        """How much of the edit was refused, and why at first."""
        first = self.refusals[0]
        refused = sum(refusal.tried for refusal in self.refusals)
        more = f" and {refused - 1} more" if refused > 1 else ""
        left_out = f"; {len(self.refusals) - refused} not tried, as they depend on that"
        return f"refused: {first.reason}{more}{left_out if len(self.refusals) > refused else ''}"


@dataclass(frozen=True, slots=True)
class Overtaken:
    """Event: nothing was written, since the kernel holds `now` where the operator saw `change.before`.

    `change` is one of the edit's, or names a server that the removal of its service would have taken along unseen.
    """

    edit: Edit
    change: Change
    now: Value | None

    @property
    def done(self) -> tuple[Change, ...]:
        """The changes that hold now: none."""
        return ()

    @property
    def made_by_others(self) -> Change:
        """What somebody else must have done: from what the operator saw to what there is now."""
        return replace(self.change, after=with_profile_values(self.now, self.change.before))

    @property
    def rebased(self) -> Change:
        """The change that leads to the same end from what there is now."""
        return replace(self.change, before=with_profile_values(self.now, self.change.before))

    @property
    def insisting(self) -> Edit:
        """The edit that leads to the same end from what there is now."""
        rebased = self.rebased
        if self.change in self.edit.changes:
            changes = tuple(rebased if change == self.change else change for change in self.edit.changes)
        else:
            changes = (rebased, *self.edit.changes)
        return replace(self.edit, changes=changes)


@dataclass(frozen=True, slots=True)
class Kept:
    """Event: a trial ended, and `done` of it stays; `left_alone` is what others have made of objects of it meanwhile.

    `trouble` says why the profile could not take it yet; empty where it has, or has not to.
    """

    trial: Trial
    done: tuple[Change, ...]
    left_alone: tuple[Change, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Extended:
    """Event: a trial has another deadline."""

    trial: Trial


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Event: a trial ended, and `done` led back to what was before it.

    `left_alone` is what others have made of objects of it meanwhile; `refused` what the kernel would not take back.
    `by` says who took it back, empty for ourselves.
    """

    trial: Trial
    done: tuple[Change, ...]
    left_alone: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()
    by: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether all of it went back."""
        return not self.left_alone and not self.refused


@dataclass(frozen=True, slots=True)
class Undecided:
    """Event: what was asked of a change on trial was not done, for the reason in the sentence."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Event: the kernel has it, the profile file does not, for the reason in the sentence."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Event: something that the operator should know; nothing has to be done."""

    sentence: str


EditOutcome: TypeAlias = Applied | Rejected | Incomplete | Overtaken
"""How an edit ends."""

TrialEvent: TypeAlias = Kept | Extended | TakenBack | Undecided
"""How a request about a change on trial ends."""

Event: TypeAlias = (
    Snapshot | EditOutcome | TrialEvent | Zeroed | Followed | Examined | EntryProgress | EntriesDone | Unsaved | Notice
)
