"""A file as it is read where few names are known, and what is said of it without its own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from ipaddress import IPv4Address

from lvstui.core.fields import FieldError
from lvstui.core.model import Address
from lvstui.formats.foreign.draft import Imported
from lvstui.formats.foreign.keepalived_text import Included
from lvstui.formats.foreign.read import read
from lvstui.formats.foreign.recognise import Form

HOSTS: Mapping[str, tuple[str, ...]] = {
    "web.example": ("192.0.2.77",),
    "two.example": ("192.0.2.78", "192.0.2.79"),
}
_PORTS = {"http": 80, "https": 443, "domain": 53, "sip-tls": 5061}


class FewNames:
    """Knows two hosts and four ports."""

    def addresses(self, host: str) -> Sequence[Address]:
        """Return the addresses of a host."""
        return tuple(map(IPv4Address, HOSTS.get(host, ())))

    def port(self, name: str, protocol: str) -> int | None:
        """Return a port of a protocol that has ports."""
        return _PORTS.get(name) if protocol else None


def load(form: Form, text: str, files: Mapping[str, str] | None = None, identity: str | None = None) -> Imported:
    """Read a file called `file`; `files` are those that an include finds by their names."""

    def include(_: str, pattern: str) -> Sequence[Included]:
        found = [Included(name, text) for name, text in (files or {}).items() if fnmatch(name, pattern)]
        if pattern == "unreadable":
            raise FieldError("include", "cannot be read")
        return found

    return read(form, text, "file", FewNames(), include, identity)


def told(found: Imported) -> list[str]:
    """Return the mistakes, without the name of the file."""
    return [str(one).removeprefix("file:") for one in found.mistakes]


def lost(found: Imported) -> list[str]:
    """Return the losses, without the name of the file."""
    return [
        str(one).removeprefix("file:").replace(" loss:", "", 1).removesuffix(" here and now") for one in found.losses
    ]
