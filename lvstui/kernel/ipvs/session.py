"""Requests to IPVS in one network namespace, and what it means where the kernel refuses all of them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from lvstui.kernel.ipvs import wire
from lvstui.kernel.ipvs.wire import Attributes, Command
from lvstui.kernel.netlink.attributes import NATIVE
from lvstui.kernel.netlink.channel import ACK, DUMP, REQUEST, Answer, Datagram, Family, messages
from lvstui.kernel.port import NO_IPVS, KernelError, NoIpvs, NoRight

NO_RIGHT: Final = "the right to change IPVS is missing (CAP_NET_ADMIN): start lvstui as root, for example with sudo"

_T = TypeVar("_T")


def unreadable(answer: Answer) -> KernelError:
    """Return what the refusal of a request that changes nothing means."""
    return trouble(answer) or KernelError(f"the kernel did not let IPVS be read: {answer.strerror}")


def trouble(answer: Answer) -> KernelError | None:
    """Return what keeps us from all of IPVS, None for other refusals; a module on its way out says ENOPROTOOPT."""
    match answer.code:
        case errno.EPERM:
            return NoRight(NO_RIGHT)
        case errno.ENOPROTOOPT:
            return NoIpvs(NO_IPVS)
        case _:
            return None


class Session:
    """A socket that is opened at the first request, and anew where the module was away.

    Requests raise `Answer` with the kernel's errno; they are made within `call`, which turns it into a sentence.
    """

    def __init__(self, netns: str | None) -> None:
        self._netns = netns
        self._family: Family | None = None

    def close(self) -> None:
        """Close the socket; the next request would open another."""
        if self._family is not None:
            self._family.close()
            self._family = None

    def call(self, work: Callable[[], _T], refusal: Callable[[Answer], KernelError] = unreadable) -> _T:
        """Make requests, once more where the module came back, and close a socket that would go on waiting.

        Raises what `refusal` makes of the kernel's answer, or `KernelError` where there is none.
        """
        try:
            try:
                return work()
            except Answer as answer:
                if answer.code == errno.ENOENT and self._moved():
                    return work()
                raise
        except Answer as answer:
            raise refusal(answer) from None
        except KernelError:
            raise
        except OSError as problem:
            self.close()
            raise KernelError(f"the kernel did not answer: {problem.strerror}") from problem
        except BaseException:
            self.close()
            raise

    def one(self, command: Command, payload: bytes = b"") -> Attributes:
        """Read one object."""
        message, *_ = self._messages(command, payload, REQUEST | ACK)
        return NATIVE.attributes(message)

    def every(self, command: Command, top: int, payload: bytes = b"") -> list[Attributes]:
        """Read all objects of a kind; `top` is the attribute around what is said of one."""
        tops = map(NATIVE.attributes, self._messages(command, payload, REQUEST | DUMP))
        return [NATIVE.attributes(found[top]) for found in tops]

    def do(self, command: Command, payload: bytes = b"") -> None:
        """Order something and wait until it is done."""
        self._messages(command, payload, REQUEST | ACK)

    def order(self, command: Command, payload: bytes) -> None:
        """Order something without waiting."""
        self._open().send(command, payload, REQUEST)

    def dump(self, command: Command, payload: bytes) -> Iterable[Datagram]:
        """Read all objects of a kind as they come."""
        return self._open().request(command, payload, REQUEST | DUMP)

    def _messages(self, command: Command, payload: bytes, flags: int) -> list[bytes]:
        return list(messages(self._open().request(command, payload, flags)))

    def _open(self) -> Family:
        if self._family is None:
            try:
                self._family = Family(wire.FAMILY_NAME, wire.FAMILY_VERSION, self._netns)
            except Answer as answer:
                raise NoIpvs(NO_IPVS) if answer.code == errno.ENOENT else unreadable(answer) from None
            except OSError as problem:
                raise KernelError(f"no netlink socket to the kernel: {problem.strerror}") from problem
        return self._family

    def _moved(self) -> bool:
        """Return whether the module came back under another number. Raises `NoIpvs` where it stays away.

        ENOENT is the answer for a family that is not there, but also for a scheduler or a real server.
        """
        number = self._open().number
        self.close()
        return self._open().number != number
