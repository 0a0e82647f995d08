"""A packet whose way through the rules is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from lvstui.core.model import Address, Family, Protocol


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet from a client to a service; what is None, or an empty `interface`, is not known.

    `protocol` is a number of IP (0..255). Ports are 0..65535, without a meaning where the protocol has none.
    `interface` is where it comes in, `leaves_by` where it goes out if this machine forwards or sends it. A packet that
    is `local` is sent by the director itself, through the hook output. One that is not `established` opens its
    connection (TCP: SYN). `connection_mark` is the mark that its connection has when the packet comes; None for an
    established one: the mark that its first packet left there.
    """

    protocol: Protocol
    source: Address
    destination: Address
    destination_port: int
    source_port: int | None = None
    interface: str = ""
    local: bool = False
    established: bool = False
    connection_mark: int | None = None
    leaves_by: str = ""

    @property
    def family(self) -> Family:
        """The family of its addresses."""
        return Family.of(self.destination)
