"""What a service's probe asks, beside whether the packets of clients are answered: where, and what that proves."""

from __future__ import annotations

from lvstui.core.fields import server
from lvstui.core.model import Endpoint, Forwarding, Probe, ProbeType, Protocol, ServerKey, Tunnel
from lvstui.core.probes.answer import Answer, Outcome
from lvstui.core.probes.question import Question
from lvstui.kernel.probes import sentences
from lvstui.kernel.probes.connect import Contact
from lvstui.kernel.probes.way import ask
from tests.build import SHOP
from tests.kernel.probes.servers import name_server, pages, udp

WEB = Probe(ProbeType.HTTP, path="/200")
PROVED = Answer(Outcome.ANSWERS, "a SYN is answered", 0.5)
ELSEWHERE = server("127.0.0.1:9")


def asked(
    probe: Probe | None,
    endpoint: Endpoint,
    protocol: Protocol = Protocol.TCP,
    forwarding: Forwarding = Forwarding.MASQ,
) -> Question:
    """Return what a server at a place is asked."""
    return Question(ServerKey(SHOP, endpoint), forwarding, Tunnel(), protocol, endpoint, patience=60.0, probe=probe)


def test_what_is_for_the_port_of_clients_is_asked_over_the_one_connection() -> None:
    with pages() as web:
        found = ask(asked(WEB, web))
        assert found.outcome is Outcome.ANSWERS
        assert found.sentence == (
            f"127.0.0.1:{web.port} answers GET /200 with 200 (OK); a server of this machine itself"
        )
        assert ask(asked(Probe(ProbeType.HTTP, path="/503"), web)).outcome is Outcome.WRONG
        plain = ask(asked(Probe(), web))
        assert plain.sentence.startswith(f"127.0.0.1:{web.port} takes a connection; ")
    gone = ask(asked(WEB, web))
    assert (gone.outcome, gone.sentence.split(";")[0]) == (
        Outcome.REFUSES,
        f"127.0.0.1:{web.port} refuses a connection",
    )


def test_what_is_for_another_port_is_asked_where_that_of_clients_answers() -> None:
    with pages() as web, pages() as health:
        probe = Probe(ProbeType.HTTP, health.port, "/200")
        found = ask(asked(probe, web))
        assert found.outcome is Outcome.ANSWERS
        assert found.sentence.startswith(f"127.0.0.1:{web.port} takes a connection; ")
        assert found.sentence.endswith(f"; 127.0.0.1:{health.port} answers GET /200 with 200 (OK)")
    assert ask(asked(probe, web)).outcome is Outcome.REFUSES
    with pages() as web:
        found = ask(asked(probe, web))
        assert found.outcome is Outcome.REFUSES
        assert found.sentence.endswith(
            f"127.0.0.1:{health.port} refuses a connection; GET /200 could not be asked there"
        )


def test_a_name_server_is_asked_a_question_in_place_of_an_empty_datagram() -> None:
    probe = Probe(ProbeType.DNS, name="example.net")
    with udp(name_server(0, 1)) as place:
        found = ask(asked(probe, place, Protocol.UDP))
        assert found.outcome is Outcome.ANSWERS
        assert "answers a query (A of example.net) with NOERROR, 1 record" in found.sentence
    assert ask(asked(probe, place, Protocol.UDP)).outcome is Outcome.REFUSES


def test_a_service_of_another_protocol_is_asked_what_its_probe_names() -> None:
    with pages() as web:
        found = ask(asked(Probe(ProbeType.HTTP, web.port, "/200"), ELSEWHERE, Protocol.SCTP))
        assert found.outcome is Outcome.ANSWERS
    assert ask(asked(None, ELSEWHERE, Protocol.SCTP)).outcome is Outcome.UNASKED


def test_a_server_by_route_need_not_listen_at_its_own_address() -> None:
    place = server("10.0.0.11:80")
    routed = asked(WEB, place, forwarding=Forwarding.ROUTE)
    spoken = Answer(Outcome.WRONG, "10.0.0.11:80 answers GET /200 with 500", 2.0)
    assert sentences.also(routed, PROVED, spoken) == Answer(
        Outcome.WRONG,
        "a SYN is answered; asked at its own address, 10.0.0.11:80 answers GET /200 with 500",
        2.0,
    )
    refused = Contact(Outcome.REFUSES, "", 0.1)
    assert sentences.also(routed, PROVED, refused) == Answer(
        Outcome.UNKNOWN,
        "a SYN is answered; 10.0.0.11:80 itself refuses a connection, so GET /200 could not be asked there",
        0.5,
    )
    elsewhere = routed._replace(probe=Probe(ProbeType.HTTP, 8080, "/200"))
    assert sentences.also(elsewhere, PROVED, refused).outcome is Outcome.REFUSES
