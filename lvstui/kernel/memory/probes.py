"""What the memory kernel's real servers answer: all of them take connections, unless they are in trouble."""

from __future__ import annotations

from lvstui.core import fields
from lvstui.core.health.verdict import Trouble
from lvstui.core.model import Forwarding, Protocol
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question, question_text


def answer(question: Question, trouble: Trouble | None) -> Answer:
    """Return the answer of a server, in words like those of a real one."""
    where = fields.server_text(question.endpoint)
    if question.protocol not in (Protocol.TCP, Protocol.UDP):
        word = fields.protocol_text(question.protocol)
        return Answer(Outcome.UNASKED, f"lvstui asks servers of tcp and udp, not of {word}")
    milliseconds = 0.2 + question.endpoint.address.packed[-1] % 10 / 20
    match trouble:
        case Trouble.REFUSING:
            reason = "its host is there, and nothing listens, or a filter refuses it"
            return Answer(Outcome.REFUSES, f"{where} refuses a connection; {reason}", 0.2)
        case Trouble.SILENT:
            reason = "its host or a filter drops it, or the answer goes another way"
            return Answer(Outcome.SILENT, f"{where} does not answer a connection in {question.patience:g} s; {reason}")
        case Trouble.NO_HANDSHAKE:
            address = (question.virtual or question.endpoint).address
            reason = f"{where} itself takes a connection; {address} is probably missing on it (on its lo)"
            return Answer(Outcome.SILENT, f"a SYN for {address} is not answered in {question.patience:g} s; {reason}")
        case None:
            pass
    if question.forwarding is Forwarding.MASQ or question.virtual is None:
        what = "takes a connection" if question.protocol is Protocol.TCP else "answers an empty datagram"
        if question.probe and question.speaks:
            where = fields.server_text(question.spoken_at)
            what = f"answers {question_text(question.probe)}"
        limit = "that its answers to clients come by this director is not proved"
        return Answer(Outcome.ANSWERS, f"{where} {what}; {limit}", milliseconds)
    virtual = fields.server_text(question.virtual)
    packet = "a SYN" if question.protocol is Protocol.TCP else "an empty datagram"
    if question.probe and question.speaks_at_once:
        packet = question_text(question.probe)
    sent = f"{packet} for {virtual} sent to {question.endpoint.address}"
    proof = f"{sent} is answered: it has that address and serves the port"
    spoken = ""
    if question.probe and question.speaks and not question.speaks_at_once:
        own = fields.server_text(question.spoken_at)
        spoken = f"; asked at its own address, {own} answers {question_text(question.probe)}"
    return Answer(Outcome.ANSWERS, f"{proof}; that clients get its answers is not proved{spoken}", milliseconds)
