"""Lines of ipvsadm-save as a director: what ipvsadm fills in, what is refused, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lvstui.core import fields
from lvstui.core.model import (
    PLAIN_TUNNEL,
    Director,
    Forwarding,
    MarkKey,
    RealServer,
    ServiceFlags,
    SyncRole,
    Timeouts,
    TunnelType,
)
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.write import write
from lvstui.kernel.memory.demo import demo_director
from tests.formats.foreign.names import load, lost, told
from tests.kernel import corpus

SAVED = """\
# written on Monday
-A -t 192.0.2.10:443 -s wrr -p 600 -M 255.255.255.0 -b flag-1,flag-2
-a -t 192.0.2.10:443 -r 10.0.0.11:443 -g -w 3
-a -t 192.0.2.10:443 -r 10.0.0.12:8443 -m -w 0
ipvsadm -a -t 192.0.2.10:443 -r 10.0.0.13 -i -w 5 --tun-type gue --tun-port 6080 --tun-csum
/sbin/ipvsadm -A -f -2147483568 -6 -p
-a -f -2147483568 -6 -r [fd00::11]:0 -g -w 1 -x 100 -y 50
--add-service --udp-service=web.example:domain
--set 900 120 300
--start-daemon master --mcast-interface eth0 --syncid 7
"""


def test_what_is_saved_is_read_with_what_ipvsadm_fills_in() -> None:
    found = load(Form.IPVSADM, SAVED)
    assert found.mistakes == ()
    web, mark, named = found.director.pools.values()
    assert (web.service.scheduler, web.service.persistence and web.service.persistence.timeout) == ("wrr", 600)
    assert [fields.server_text(one) for one in web.servers] == ["10.0.0.11:443", "10.0.0.12:8443", "10.0.0.13:443"]
    assert [one.forwarding for one in web.servers.values()] == [Forwarding.ROUTE, Forwarding.MASQ, Forwarding.TUNNEL]
    assert [one.tunnel.type for one in web.servers.values()][2] is TunnelType.GUE
    assert isinstance(mark.service.key, MarkKey)
    assert (mark.service.key.mark, mark.service.scheduler) == (2147483728, "wlc")
    assert [(one.upper, one.lower) for one in mark.servers.values()] == [(100, 50)]
    assert fields.service_text(named.service.key) == "udp:192.0.2.77:53"
    assert found.director.timeouts == Timeouts()
    assert found.director.daemons[SyncRole.MASTER].id == 7
    assert lost(found) == [
        "1: comments: left out, in line 1",
        "8: host web.example: written as 192.0.2.77, its address",
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("-A -t 192.0.2.10:0", "1: error: service: ipvsadm takes no service without a port"),
        ("-a -t 192.0.2.10:80 -r 10.0.0.1", "1: error: service: no line before adds tcp:192.0.2.10:80"),
        ("-A -t 192.0.2.10:80\n-A -t 192.0.2.10:80", "2: error: service: tcp:192.0.2.10:80 stands in line 1 already"),
        ("-A -t 192.0.2.10:80 -o", "1: error: --ops: is taken by ipvsadm for udp and firewall marks only"),
        ("-A -t 192.0.2.10:80 -z", "1: error: -z: is no option of ipvsadm"),
        ("-A -t 192.0.2.10:80 -w", "1: error: -w: needs a value"),
        ("-A -t nobody.example:80", '1: error: service: "nobody.example" is not known here'),
        ("-A -t two.example:80", '1: error: service: "two.example" has several addresses'),
        ("-A -t 192.0.2.10:80 -s 'x", "1: error: line: a quote is not closed"),
        ("-A -t 192.0.2.10:http2", '1: error: service: "http2" is not known here as the name of a port'),
        ("hello", '1: error: line: "hello" is no command of ipvsadm'),
        ("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -x 1 -y 2", "2: error: lower: 2 is above"),
    ],
)
def test_what_ipvsadm_would_not_take_is_a_mistake_with_its_line(line: str, sentence: str) -> None:
    assert any(one.startswith(sentence) for one in told(load(Form.IPVSADM, line)))


def test_lines_that_change_and_delete_do_so() -> None:
    text = (
        "-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n-e -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 9\n"
        "-A -t 192.0.2.2:80\n-D -t 192.0.2.2:80\n-E -t 192.0.2.1:80 -s rr\n-Z\n--set 0 0 9\n"
    )
    found = load(Form.IPVSADM, text)
    assert found.mistakes == ()
    (pool,) = found.director.pools.values()
    assert (pool.service.scheduler, [one.weight for one in pool.servers.values()]) == ("rr", [9])
    assert [one.partition(":")[0] for one in lost(found)] == ["7", "8"]


def test_what_export_writes_comes_back_as_it_was() -> None:
    whole = corpus.generate(1, 200)
    for director in (demo_director(), whole, *(corpus.generate(seed, 6) for seed in range(2, 30))):
        written = write(Form.IPVSADM, director)
        found = load(Form.IPVSADM, written.text).director
        assert found == Director(written.fitted.pools, director.timeouts, director.sync or None)
    assert write(Form.IPVSADM, whole).fitted.pools == _without_kept_tunnels(whole).pools


def _without_kept_tunnels(director: Director) -> Director:
    """Leave out what the kernel keeps of a tunnel, which ipvsadm says of servers by tunnel only."""

    def server(one: RealServer) -> RealServer:
        return one if one.forwarding is Forwarding.TUNNEL else replace(one, tunnel=PLAIN_TUNNEL)

    pools = {
        key: replace(pool, servers={end: server(one) for end, one in pool.servers.items()})
        for key, pool in director.pools.items()
    }
    return replace(director, pools=pools)


@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("-A -t 192.0.2.1:80 -w 5", "--weight: ipvsadm does not take it beside --add-service"),
        ("-a -t 192.0.2.1:80 -r 10.0.0.1 -s wrr", "--scheduler: ipvsadm does not take it beside --add-server"),
        ("-D -t 192.0.2.1:80 -s rr", "--scheduler: ipvsadm does not take it beside --delete-service"),
        ("-C -t 192.0.2.1:80", "--tcp-service: ipvsadm does not take it beside --clear"),
        ("--set 1 2 3 -s rr", "--scheduler: ipvsadm does not take it beside --set"),
        ("-A -t 192.0.2.1:80 -6", "-6: is for firewall marks only"),
    ],
)
def test_an_option_that_ipvsadm_refuses_in_a_line_is_not_dropped(line: str, option: str) -> None:
    found = load(Form.IPVSADM, f"-A -t 192.0.2.9:80\n{line}\n")
    assert told(found)[0].startswith(f"2: error: {option}")


def test_a_comment_behind_a_line_is_lost_like_others() -> None:
    assert lost(load(Form.IPVSADM, "-A -t 192.0.2.1:80 # the shop\n")) == ["1: comments: left out, in line 1"]


def test_a_script_is_refused_with_the_way_around_it() -> None:
    found = load(Form.IPVSADM, "#!/bin/sh\nVIP=192.0.2.1\nipvsadm -A -t $VIP:80 -s rr\n")
    assert len(told(found)) == 1
    assert "ipvsadm-save -n" in told(found)[0]
    assert told(load(Form.IPVSADM, "#!/sbin/ipvsadm -R\n-A -t 192.0.2.1:80\n")) == []


def test_a_scheduler_that_no_linux_has_is_a_warning_once() -> None:
    found = load(Form.IPVSADM, "-A -t 192.0.2.1:80 -s wwr\n-A -t 192.0.2.2:80 -s wwr\n")
    assert told(found) == ['1: warning: scheduler: lvstui knows no scheduler "wwr"; did you mean wrr?']
    assert not found.refused


def test_a_flag_that_ipvsadm_saves_without_its_name_is_known_by_that() -> None:
    found = load(Form.IPVSADM, "-A -t 192.0.2.10:80 -s sh -b \n")
    assert [pool.service.flags for pool in found.director.pools.values()] == [ServiceFlags.SCHED_3]
    assert lost(found) == ["1: -b: written as flag-3: ipvsadm saves that one without its name"]
    assert told(load(Form.IPVSADM, "-A -t 192.0.2.10:80 -s rr -b\n")) == ["1: error: -b: needs a value behind it"]


def test_a_line_of_megabytes_is_refused_at_once() -> None:
    found = told(load(Form.IPVSADM, f"-A -t 192.0.2.1:80 '{'x' * 2_000_000}'\n"))
    assert found == ["1: error: line: has more than 10,000 characters; write a line for each command"]


@pytest.mark.parametrize(
    "line",
    [
        "-A -t 192.0.2.1:80 -s rr -p 50",
        "-At192.0.2.1:80 -srr -p50",
        "-A -t=192.0.2.1:80 -s=rr -p=50",
        "--add-service --tcp-service=192.0.2.1:80 --scheduler rr --persistent=50",
    ],
)
def test_an_option_is_read_in_each_way_that_ipvsadm_reads_it(line: str) -> None:
    found = load(Form.IPVSADM, line)
    assert told(found) == []
    assert found.director == load(Form.IPVSADM, "-A -t 192.0.2.1:80 -s rr -p 50").director


def test_persistence_without_a_number_lasts_as_long_as_ipvsadm_makes_it() -> None:
    (pool,) = load(Form.IPVSADM, "-A -t 192.0.2.1:80 -p -s rr").director.pools.values()
    assert pool.service.persistence is not None
    assert pool.service.persistence.timeout == 360
