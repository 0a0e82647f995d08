"""The one port to the kernel: what every layer above knows of IPVS, live or in memory."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from lvstui.core.change import Change, Target, Value
from lvstui.core.entries.sync_message import Message
from lvstui.core.model import Address, ServiceKey, SyncDaemon
from lvstui.core.observed import Alike, Connection, Entry, Reading
from lvstui.core.packets.program import Program
from lvstui.core.probes.answer import Answer
from lvstui.core.probes.question import Question
from lvstui.core.trace.route import Route, RouteQuestion

if TYPE_CHECKING:
    from lvstui.core.doctor.facts import Claim, Hearing, NetworkFacts  # with all that follows packets

NO_IPVS: Final = "this kernel has no IPVS: run `modprobe ip_vs`"


class KernelError(Exception):
    """Something that the kernel would not do, as one sentence for the operator."""


class Refused(KernelError):
    """A write that the kernel refused; nothing was changed by it.

    `field` names the attribute to mend (the profile's names: `scheduler`, `weight`, `upper` …), empty when the
    refusal is about the whole object.
    """

    def __init__(self, sentence: str, field: str = "") -> None:
        super().__init__(sentence)
        self.field = field


class NoRight(KernelError):
    """CAP_NET_ADMIN in the initial user namespace is missing (EPERM)."""


class NoNamespace(KernelError):
    """There is no network namespace of that name, or what has it is none."""


class NoIpvs(KernelError):
    """The kernel has no IPVS, or its module has gone; `modprobe ip_vs` is the remedy."""


class Garbled(KernelError):
    """An answer that no kernel known gives; `detail` says what is wrong with it, `about` whose answer it is."""

    def __init__(self, detail: str, about: str = "") -> None:
        place = f" ({about})" if about else ""
        super().__init__(f"the kernel answered something that lvstui does not understand{place}: {detail}")
        self.detail = detail


class Piece(NamedTuple):
    """Some rows of the connection table, in the kernel's order; `alike` are entries too, in order among themselves."""

    entries: Sequence[Entry]
    connections: Sequence[Connection]
    alike: Sequence[Alike] = ()


class Network(Protocol):
    """The network of the namespace that a kernel's IPVS is in; nothing that is asked of it changes anything.

    What cannot be known stands in the answers; every method raises `KernelError` where there is no such namespace.
    """

    def read(self) -> NetworkFacts:
        """Read links, addresses and settings, now."""

    def filtered(self) -> int | None:
        """Read how many packets rp_filter has dropped since boot, None where that is not counted."""

    def index(self, name: str) -> int | None:
        """Return the number of a network interface, None where there is none of that name."""

    def route(self, question: RouteQuestion) -> Route:
        """Ask where a packet is sent, and what is known of its next hop; the answer says what went wrong."""

    def routes(self, questions: Sequence[RouteQuestion]) -> Sequence[Route]:
        """Ask for several routes, in less time for each."""

    def owners(self, asked: Mapping[Address, str]) -> Mapping[Address, Claim]:
        """Ask once, on the interface of each address, which other hosts have it; answers take half a second."""

    def masters(self, daemon: SyncDaemon) -> Hearing:
        """Listen for some seconds to the masters of other directors in a daemon's group."""


class Kernel(Protocol):
    """IPVS as a value that is read whole and written change by change.

    Every method raises `NoIpvs` when the module is not there and `NoRight` when the right is missing.
    """

    @property
    def origin(self) -> str:
        """Where the table comes from, in a few words for the head line (`Linux 6.1.176`, `demo`)."""

    @property
    def read_only(self) -> str:
        """Why writes are refused, as a sentence; empty when they are not."""

    @property
    def schedulers(self) -> tuple[str, ...]:
        """The schedulers that a service can have here, as far as is known."""

    @property
    def interfaces(self) -> tuple[str, ...]:
        """The network interfaces there are now, those fit for multicast first; empty where that is unknown.

        Unlike the methods it raises nothing.
        """

    @property
    def network(self) -> Network:
        """The network that it stands in."""

    def read(self) -> Reading:
        """Read everything that is configured and counted.

        Returns the same `Director` object as last time while the configuration has not changed.
        """

    def read_filter(self) -> Reading:
        """Read the packet filter's rules and our groups in it alone, which needs no IPVS; nothing else is in it."""

    def program(self) -> Program:
        """Read all rules of the packet filter that packets pass on their way to IPVS, now.

        `read` has those of the tables that have to do with marks. What is not known is said in the program.
        """

    def probe(self, question: Question) -> Answer:
        """Ask a real server by the way of its clients' packets, and wait for its answer as long as the question says.

        May be used from other threads than everything else here, from several at once. It writes nothing to IPVS, and
        leaves nothing half open. What goes wrong on the way is an answer; raises `KernelError` where there is no way
        to ask at all (no such namespace).
        """

    def lookup(self, target: Target) -> Value | None:
        """Read what the kernel holds of a target now, None when there is no such object.

        Reads that object only, never the whole table. Names and notes are empty: the kernel does not know them.
        """

    def write(self, change: Change) -> None:
        """Make the kernel hold `change.after` instead of `change.before`.

        Raises `Refused` with nothing changed. The write is a full replacement of the object, so `change.after` must
        stem from what was read (read-modify-write); parts that live in the profile only are ignored.
        """

    def scan(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the connection table from its start, piece by piece.

        May be used from another thread than everything else here. Closing the iterator ends the reading at once; a
        piece costs milliseconds at most on a small table, more the further a kernel before 6.14 is into a large one.
        `engines` asks for what persistence engines know clients by, which the kernel shows in place of the origin.
        """

    def stream(self, *, engines: bool = False) -> Generator[Piece, None, None]:
        """Read the connection table as `scan` does, for somebody who keeps nothing of it.

        Entries may come as `alike`, which takes a third of the time, and nothing is remembered for another reading.
        """

    def send_sync(self, messages: Sequence[Message]) -> str:
        """Make or change connections and entries, through the kernel's own daemon for sync messages.

        Returns when the kernel has taken them, which says nothing about what became of them: scan to know. The text
        says why other users of the machine could not be kept from sending messages too meanwhile; it is empty where
        they were. Raises `Refused` where that way is closed (a backup_only director, servers of mixed families), with
        nothing changed.
        """

    def zero(self, key: ServiceKey | None) -> None:
        """Zero the counters of one service with its servers, or of everything (None)."""

    def close(self) -> None:
        """Close sockets and files; the kernel cannot be used afterwards."""
