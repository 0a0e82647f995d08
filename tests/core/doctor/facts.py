"""Facts of a healthy director, to be broken one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

from lvstui.core.doctor.facts import Facts, Passage
from lvstui.core.doctor.finding import Finding, State
from lvstui.core.doctor.questions import examine
from lvstui.core.model import Address, Director, Endpoint, Pool, Protocol, ServerKey
from lvstui.core.observed import ServerStats
from lvstui.core.packets.packet import Packet
from lvstui.core.packets.program import Outcome
from lvstui.core.packets.walk import Fate, Step, Way
from lvstui.core.snapshot import Host, Snapshot
from lvstui.core.trace.route import Route
from lvstui.engine.doctor import gather
from lvstui.kernel.memory.kernel import MemoryKernel
from tests.build import director


def healthy(*pools: Pool, **sysctl: str) -> Facts:
    """Return what is seen of a director with these services in the memory kernel's network."""
    return seen_of(director(*pools), **sysctl)


def seen_of(held: Director, **sysctl: str) -> Facts:
    """Return what is seen of this director in the memory kernel's network."""
    kernel = MemoryKernel(held)
    reading = kernel.read()
    held = replace(reading.director, sysctl={**reading.director.sysctl, **sysctl})
    snapshot = Snapshot(replace(reading, director=held), "demo", Host(""))
    return gather(kernel, snapshot, list(held.pools))


def findings(facts: Facts) -> Mapping[str, Finding]:
    """Return what is not fine, by its question."""
    report = examine(facts)
    return {finding.question: finding for finding in report.findings if finding.answer.state is not State.FINE}


def only(facts: Facts, state: State = State.WRONG) -> Finding:
    """Return the one finding that there is, of a state; all else is fine."""
    ((_, found),) = findings(facts).items()
    assert found.answer.state is state, found
    return found


def with_setting(facts: Facts, path: str, value: str) -> Facts:
    """Change a setting below /proc/sys/net."""
    return replace(facts, network=replace(facts.network, settings={**facts.network.settings, path: value}))


def with_route(facts: Facts, address: Address, **parts: object) -> Facts:
    """Change the route to a server."""
    route: Route = facts.routes[address]._replace(**parts)  # type: ignore[arg-type]
    return replace(facts, routes={**facts.routes, address: route})


def with_counts(facts: Facts, counts: Mapping[Endpoint, ServerStats]) -> Facts:
    """Change what the kernel counts of the servers of the first service."""
    key = facts.pools[0].service.key
    reading = replace(facts.reading, servers={**facts.reading.servers, key: counts})
    return replace(facts, snapshot=replace(facts.snapshot, reading=reading))


def with_passages(facts: Facts, *outcomes: Outcome, seen: bool = True, tracking_helps: bool = False) -> Facts:
    """Have these be what may become of what the servers answer, at the policy of the chain FORWARD."""
    answered = {}
    for pool in facts.pools:
        for endpoint in pool.servers:
            client = ip_address("198.51.100.7")
            packet = Packet(Protocol.TCP, endpoint.address, client, 0, endpoint.port, "back", leaves_by="front")
            steps = {
                one: Step("nft", "ip", "filter", "FORWARD", "forward", 0, f"policy {one.value}", one)
                for one in outcomes
            }
            fates = tuple(Fate(one, 0, 0, 0, client, 0, (step,)) for one, step in steps.items())
            answered[ServerKey(pool.service.key, endpoint)] = Passage(packet, Way(fates), seen, tracking_helps)
    return replace(facts, answered=answered)
