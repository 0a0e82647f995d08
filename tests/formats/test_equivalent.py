"""Rows as ipvsadm commands and as TOML."""

from __future__ import annotations

from lvstui.core.model import Director, ServerKey
from lvstui.core.observed import MachineKey, RowKey
from lvstui.formats.equivalent import as_commands, as_toml
from lvstui.formats.ipvsadm import save_lines
from lvstui.formats.profile.write import loads
from lvstui.kernel.memory.demo import demo_director

DEMO = demo_director()


def test_all_services_together_are_the_whole_table() -> None:
    keys: list[RowKey] = list(DEMO.pools)
    lines = [line for line in save_lines(DEMO) if line.startswith(("-A", "-a"))]
    assert as_commands(DEMO, keys).splitlines() == [f"ipvsadm {line}" for line in lines]
    assert loads("format = 1\n" + as_toml(DEMO, keys), "excerpt").pools == DEMO.pools


def test_a_server_is_one_command_and_one_line_under_its_service() -> None:
    service, pool = next(iter(DEMO.pools.items()))
    key = ServerKey(service, next(iter(pool.servers)))
    assert as_commands(DEMO, [key]) == ("ipvsadm -a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 3 -x 4000 -y 3000")
    comment, line = as_toml(DEMO, [key]).splitlines()
    assert comment == "# server of tcp:192.0.2.10:443"
    assert line.startswith('{ name = "web1", server = "10.0.0.11:443"')


def test_a_machine_gives_all_of_its_servers() -> None:
    service, pool = next(iter(DEMO.pools.items()))
    machine = MachineKey(next(iter(pool.servers)).address)
    assert as_commands(DEMO, [machine]).count("-r 10.0.0.11:") == 2
    assert as_toml(DEMO, [machine]).count("# server of") == 2
    assert service in DEMO.pools


def test_rows_that_are_gone_give_nothing() -> None:
    keys: list[RowKey] = list(DEMO.pools)
    assert as_commands(Director(), keys) == as_toml(Director(), keys) == ""
