"""What came of a probe, in words: what was asked by which way, what was found, and what that proves or does not."""

from __future__ import annotations

from lvstui.core import fields
from lvstui.core.model import Endpoint, Family, Forwarding, Protocol, TunnelType
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question, question_text
from lvstui.core.trace.route import Route
from lvstui.kernel.probes.connect import Contact
from lvstui.kernel.probes.frames import Accepted, Complained, Complaint, Refused, Returned
from lvstui.kernel.probes.protocols import Said
from lvstui.kernel.probes.wire import Exchange


def asked(question: Question, route: Route) -> str:
    """Return what was sent to a server past our own network stack."""
    packet = "a SYN" if question.protocol is Protocol.TCP else "an empty datagram"
    if question.probe and question.speaks_at_once:
        packet = question_text(question.probe)
    to = _text(question.virtual or question.endpoint)
    if question.forwarding is Forwarding.TUNNEL:
        return f"{packet} for {to} in {_tunnel(question)} to {question.endpoint.address}"
    way = f"by the gateway {route.gateway}" if route.gateway else "on its link"
    return f"{packet} for {to} sent to {question.endpoint.address} {way}"


def plain(question: Question, found: Contact | Answer) -> Answer:
    """Say what came of a connection to a server that gets packets with its own address."""
    match found.outcome:
        case Outcome.ANSWERS:
            proof = "that its answers to clients come by this director is not proved"
        case Outcome.REFUSES:
            proof = "its host is there, and nothing listens, or a filter refuses it"
        case Outcome.SILENT if isinstance(found, Contact):
            proof = "its host or a filter drops it, or the answer goes another way"
        case _:
            proof = ""
    return _contacted(question, found, proof)


def here(question: Question, found: Contact | Answer) -> Answer:
    """Say what came of a connection to a server on this machine itself."""
    proof = "a server of this machine itself"
    if question.forwarding is not Forwarding.MASQ and question.virtual is not None:
        proof += f"; that it serves {_text(question.virtual)} too is not proved, as IPVS would take what is sent there"
    return _contacted(question, found, proof)


def without_right(question: Question, found: Contact | Answer) -> Answer:
    """Say what a connection to a server's own address proves, and what it does not."""
    tunnel = " and its tunnel works" if question.forwarding is Forwarding.TUNNEL else ""
    virtual = question.virtual.address if question.virtual else "the virtual address"
    proof = f"only its own address was asked, for want of CAP_NET_RAW: that it has {virtual}{tunnel} is not proved"
    return _contacted(question, found, proof)


def _contacted(question: Question, found: Contact | Answer, proof: str) -> Answer:
    """Say what came of a contact, or of what was said over it, and what that proves."""
    where = _text(question.endpoint)
    if isinstance(found, Answer):
        return found._replace(sentence="; ".join(filter(None, (found.sentence, proof))))
    if question.protocol is not Protocol.TCP:
        text = {
            Outcome.ANSWERS: f"{where} answers an empty datagram",
            Outcome.REFUSES: f"{where} refuses an empty datagram: its host is there, and nothing listens",
            Outcome.UNKNOWN: f"{where} does not answer an empty datagram, which no server has to",
        }
    else:
        text = {
            Outcome.ANSWERS: f"{where} takes a connection",
            Outcome.REFUSES: f"{where} refuses a connection",
            Outcome.SILENT: f"{where} does not answer a connection in {question.patience:g} s",
        }
    said = text.get(found.outcome, f"{where} cannot be reached: {found.reason}")
    if question.protocol is not Protocol.TCP and found.outcome is not Outcome.ANSWERS:
        proof = ""
    return Answer(found.outcome, "; ".join(filter(None, (said, proof))), found.milliseconds)


def also(question: Question, way: Answer, found: Contact | Answer) -> Answer:
    """Say what a server that answers clients' packets says at its own address, where it need not listen."""
    own = "" if question.forwarding is Forwarding.MASQ else "asked at its own address, "
    if isinstance(found, Answer):
        return found._replace(sentence=f"{way.sentence}; {own}{found.sentence}")
    assert question.probe is not None
    spoken = question_text(question.probe)
    if question.speaks_there and found.outcome is Outcome.REFUSES:
        there = f"{_text(question.spoken_at)} itself refuses a connection, so {spoken} could not be asked there"
        return Answer(Outcome.UNKNOWN, f"{way.sentence}; {there}", way.milliseconds)
    at_it = question._replace(endpoint=question.spoken_at, protocol=question.probe.type.carrier)
    refused = _contacted(at_it, found, f"{spoken} could not be asked there")
    return refused._replace(sentence=f"{way.sentence}; {own}{refused.sentence}")


def not_spoken(question: Question) -> Answer:
    """Say that lvstui has no way to ask a server of another protocol than tcp and udp."""
    word = fields.protocol_text(question.protocol)
    return Answer(Outcome.UNASKED, f"lvstui asks servers of tcp and udp, not of {word}")


def replied(question: Question, route: Route, found: Exchange) -> Answer:
    """Say what a reply to our packet means."""
    what = asked(question, route)
    virtual = question.virtual or question.endpoint
    match found.reply:
        case Accepted():
            proof = f"is answered: it has {virtual.address} and serves the port"
            limit = "that clients get its answers is not proved"
            return Answer(Outcome.ANSWERS, f"{what} {proof}; {limit}", found.milliseconds)
        case Refused():
            proof = (
                f"is reset: it has {virtual.address}, and nothing listens on port {virtual.port}, or a filter resets"
            )
            return Answer(Outcome.REFUSES, f"{what} {proof}", found.milliseconds)
        case Returned():
            proof = f"comes back: {virtual.address} is not on it, and it forwards"
            return Answer(Outcome.UNREACHABLE, f"{what} {proof}{_behind(question, route)}", found.milliseconds)
        case Complained(by, complaint) as complained:
            if by == virtual.address and complaint is Complaint.PORT:
                why = "a filter rejects it" if question.protocol is Protocol.TCP else "nothing listens on its port"
                proof = f"is refused ({complaint.value}): it has {by}, and {why}"
                return Answer(Outcome.REFUSES, f"{what} {proof}", found.milliseconds)
            meaning = _meaning(question, route, complained)
            return Answer(Outcome.UNREACHABLE, f"{what}: {by} says {complaint.value}{meaning}", found.milliseconds)
        case None:
            return Answer(Outcome.SILENT, what)


def answered(question: Question, route: Route, said: Said, milliseconds: float | None) -> Answer:
    """Say what a server answered to a datagram that came to it as clients' do."""
    outcome = Outcome.ANSWERS if said.is_right else Outcome.WRONG
    proof = f"it has {(question.virtual or question.endpoint).address}; that clients get its answers is not proved"
    return Answer(outcome, f"{asked(question, route)} is answered with {said.words}; {proof}", milliseconds)


def _meaning(question: Question, route: Route, complained: Complained) -> str:
    """Say what a complaint shows, as far as it does."""
    address, complaint = (question.virtual or question.endpoint).address, complained.complaint
    behind = _behind(question, route)
    is_server = complained.inner or (question.forwarding is Forwarding.ROUTE and not behind)
    if complaint is Complaint.EXPIRED and not behind:
        return f"; {address} is not on it, and it would forward packets for that"
    if complaint in (Complaint.NETWORK, Complaint.HOST) and is_server:
        return f"; {address} is not on it, and it has no way there"
    if question.forwarding is not Forwarding.TUNNEL:
        return behind
    match complaint, question.tunnel.type:
        case Complaint.PORT, TunnelType.GUE if not complained.inner:
            port = question.tunnel.port
            return f"; nothing there takes gue at UDP port {port} (`ip fou add port {port} gue`)"
        case ((Complaint.PORT | Complaint.PROTOCOL), _):
            return f"; it has no tunnel device that is up and takes {_tunnel(question)}"
        case _:
            return ""


def silent(question: Question, route: Route, itself: Contact | Answer) -> Answer:
    """Say what may be wrong with a server that does not answer to a virtual address, but is there."""
    what = f"{asked(question, route)} is not answered in {question.patience:g} s"
    virtual = (question.virtual or question.endpoint).address
    own = {
        Outcome.ANSWERS: f"{_text(question.endpoint)} itself takes a connection",
        Outcome.REFUSES: f"{question.endpoint.address} is there (it refuses port {question.endpoint.port} of its own)",
    }.get(itself.outcome, "")
    if isinstance(itself, Answer):
        is_answer = itself.outcome in (Outcome.ANSWERS, Outcome.WRONG)
        own = f"asked at its own address, {itself.sentence}" if is_answer else ""
    if route.gateway is not None and question.forwarding is Forwarding.ROUTE:
        return Answer(Outcome.SILENT, "; ".join(filter(None, (what, own, _behind(question, route).removeprefix("; ")))))
    causes = f"{virtual} is probably missing on it (on its lo)"
    if question.forwarding is Forwarding.TUNNEL:
        causes += f", nothing takes {_tunnel(question)} there, or its rp_filter is strict"
    causes += ", or a filter drops it"
    return Answer(Outcome.SILENT, "; ".join(filter(None, (what, own, causes))))


def unsent(question: Question, route: Route, reason: str) -> Answer:
    """Say that our own machine would not send it."""
    return Answer(Outcome.UNREACHABLE, f"{asked(question, route)}: this machine would not send it ({reason})")


def unproved(question: Question, route: Route) -> Answer:
    """Say that an unanswered datagram says nothing."""
    return Answer(Outcome.UNKNOWN, f"{asked(question, route)} is not answered, which no server has to")


def nobody(question: Question, route: Route) -> Answer:
    """Say that nobody has the address of the next hop."""
    hop = route.gateway or question.endpoint.address
    way = "ARP" if hop.version == 4 else "neighbour discovery"
    who = f"the gateway {hop} to {question.endpoint.address}" if route.gateway else str(hop)
    down = "it is down" if route.gateway else "the host is down, or not in this network"
    return Answer(Outcome.UNREACHABLE, f"nobody answers {way} for {who} on {fields.visible(route.interface)}: {down}")


def no_route(question: Question, route: Route) -> Answer:
    """Say that no packet gets to a server."""
    reason = route.trouble or f"the route is of kind {route.kind}"
    return Answer(Outcome.UNREACHABLE, f"no packet gets to {question.endpoint.address}: {reason}")


def no_source(family: Family) -> Answer:
    """Say that an answer could not leave the server."""
    reason = f"this machine has no {family.word} address besides virtual ones, which a server may have itself"
    return Answer(Outcome.UNASKED, f"{reason}: the answer would not leave it")


def unknown_address() -> Answer:
    """Say that the virtual address is not known."""
    return Answer(Outcome.UNASKED, "which address clients send to is not known")


def virtual_here(question: Question) -> Answer:
    """Say that IPVS itself stands before a server."""
    address = question.endpoint.address
    reason = "is this machine's own and a virtual address"
    return Answer(Outcome.UNASKED, f"{address} {reason}: IPVS would take what is sent there")


def strange_way(question: Question) -> Answer:
    """Say that a forwarding method leads nowhere."""
    word = fields.forwarding_text(question.forwarding)
    reason = f"{question.endpoint.address} is not on this machine, and the method is {word}"
    return Answer(Outcome.UNASKED, f"{reason}: IPVS forwards nothing to it")


def _behind(question: Question, route: Route) -> str:
    """Say that a server that gets packets by its link is on none of ours; empty for others."""
    if route.gateway is None or question.forwarding is not Forwarding.ROUTE:
        return ""
    return f"; it is behind the gateway {route.gateway}, and a server by route has to be on a link of the director"


def _tunnel(question: Question) -> str:
    word = fields.TUNNEL_WORDS.get(question.tunnel.type, "ipip")
    return f"{word} (port {question.tunnel.port})" if question.tunnel.type is TunnelType.GUE else word


def _text(endpoint: Endpoint) -> str:
    return fields.server_text(endpoint)
