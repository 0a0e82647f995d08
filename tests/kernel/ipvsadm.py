"""ipvsadm as the referee: run, and what it prints taken apart."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from ipaddress import ip_address

from lvstui.core.model import AddressKey, Endpoint, Family, MarkKey, Protocol, ServerKey, ServiceKey
from lvstui.core.observed import RowKey


def ipvsadm(*arguments: str, lines: Sequence[str] = ()) -> str:
    """Run ipvsadm and return what it prints; that it prints nothing on its error output is part of the test."""
    done = subprocess.run(["ipvsadm", *arguments], input="\n".join(lines), text=True, capture_output=True)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def saved() -> list[str]:
    """Return the lines of `ipvsadm -Sn`, sorted."""
    return sorted(line.strip() for line in ipvsadm("-Sn").splitlines())


def listed(*options: str, numbers: int) -> dict[RowKey, tuple[int, ...]]:
    """Return the last few numbers of each row of a list; the rows of services may have none."""
    rows: dict[RowKey, tuple[int, ...]] = {}
    service: ServiceKey | None = None
    for line in ipvsadm("-Ln", *options).splitlines():
        words = line.split()
        if words[:1] in (["IP"], ["Prot"]) or words[1].startswith("RemoteAddress"):
            continue
        if words[0] == "->":
            assert service is not None
            rows[ServerKey(service, _endpoint(words[1]))] = tuple(int(word) for word in words[-numbers:])
        else:
            service = _service(words)
            rows[service] = tuple(int(word) for word in words[-numbers:] if word.isdecimal())
    return rows


def _service(words: Sequence[str]) -> ServiceKey:
    if words[0] == "FWM":
        # The upper half of the marks is printed as negative numbers.
        return MarkKey(int(words[1]) % 2**32, Family.IPV6 if words[2] == "IPv6" else Family.IPV4)
    return AddressKey(Protocol[words[0]], *_endpoint(words[1]))


def _endpoint(text: str) -> Endpoint:
    address, _, port = text.rpartition(":")
    return Endpoint(ip_address(address.strip("[]")), int(port))
