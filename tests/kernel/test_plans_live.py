"""Plans on the running kernel, with ipvsadm as the other person, who edits between the plan and its making."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.kernel.ipvsadm import ipvsadm, saved
from tests.kernel.test_commands_live import SHOP, TABLE, Shell, everything

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("live")]

EDITS = (
    "set shop web1 weight=7",
    "set shop web2 forwarding=route upper=100 lower=80",
    "set shop scheduler=mh flags=mh-port persistence=none",
    "set six prefix=48 persistence=60",
    "set marked 10.0.0.11:0 tunnel.type=gre tunnel.port=0 tunnel.checksum=nocsum",
    "set timeouts tcp=800 udp=30",
    "set sysctl expire_quiescent_template=1 'sync_threshold=5 100'",
    "add dns 10.0.0.13:53 name=third",
    "delete dns --yes",
    "delete six --yes",
    "drain shop web1",
    "add tcp:192.0.2.77:80 name=new scheduler=rr note='ask first'",
    "add sync backup interface=lo id=5 max_length=1400 ttl=3 port=8849",
)
"""Edits of the shop, any of which may stand together."""


@pytest.fixture
def shop(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path / "director.toml")
    for line in SHOP:
        shell(line)
    return shell


def wanted(shop: Shell, *lines: str) -> Path:
    """Return a profile with these edits made; kernel and usual profile are as they were before."""
    before = shop.profile.read_text()
    for line in lines:
        shop(line)
    path = shop.profile.with_name("wanted.toml")
    path.write_text(shop.profile.read_text())
    shop.profile.write_text(before)
    shop("apply --force")
    return path


def changes(printed: str) -> list[str]:
    """Return the changes that a command printed; of what goes the profile that lacks it has no names."""
    return [line.partition(" six")[0].partition(" dns")[0] for line in printed.splitlines() if line[:7] != "lvstui:"]


@pytest.mark.parametrize("seed", range(6))
def test_a_plan_made_of_any_edits_leads_kernel_and_profile_where_they_led(shop: Shell, seed: int) -> None:
    dice = Random(seed)
    lines = [line for line in EDITS if dice.random() < 0.5]
    if "delete dns --yes" in lines:
        lines = [line for line in lines if not line.startswith("add dns")]
    if "delete six --yes" in lines:
        lines = [line for line in lines if not line.startswith("set six")]
    path = wanted(shop, *lines)
    start = everything()
    planned = shop(f"diff {path} --out {path.parent}/plan.json", status=3)
    assert everything() == start
    done = shop(f"apply {path.parent}/plan.json --force")
    assert changes(done) == changes(planned)
    assert shop(f"diff {path}") == ""
    assert shop("diff") == ""
    shop(f"rollback {shop.records()[-1]['number']}")
    assert everything()[:1] == start[:1]


def test_what_another_person_does_elsewhere_stays_and_the_plan_is_made(shop: Shell) -> None:
    path = wanted(shop, "set shop web1 weight=7", "delete dns --yes")
    shop(f"diff {path} --out {path.parent}/plan.json", status=3)
    ipvsadm("-e", "-t", "192.0.2.10:443", "-r", "10.0.0.12:443", "-m", "-w", "42")
    ipvsadm("-A", "-t", "192.0.2.88:80", "-s", "rr")
    shop(f"apply {path.parent}/plan.json")
    assert [line for line in saved() if "192.0.2.10:443 -r" in line] == [
        "-a -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 7",
        "-a -t 192.0.2.10:443 -r 10.0.0.12:443 -m -w 42",
    ]
    assert "-A -t 192.0.2.88:80 -s rr" in saved()
    assert not [line for line in saved() if line.startswith("-A -u")]


@pytest.mark.parametrize(
    ("theirs", "named"),
    [
        (
            "-e -t 192.0.2.10:443 -r 10.0.0.11:443 -m -w 9",
            "tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1: weight 3 -> 9",
        ),
        ("-d -t 192.0.2.10:443 -r 10.0.0.11:443", "- tcp:192.0.2.10:443 shop / 10.0.0.11:443 web1"),
        ("-D -t 192.0.2.10:443", "- tcp:192.0.2.10:443 shop"),
        ("-a -u 192.0.2.10:53 -r 10.0.0.99:53 -m", "+ udp:192.0.2.10:53 dns / 10.0.0.99:53"),
        ("-A -t 192.0.2.77:80 -s wlc", "+ tcp:192.0.2.77:80"),
        ("--set 700 0 0", "timeouts: tcp 900s -> 700s"),
    ],
)
def test_what_another_person_did_to_it_is_named_and_nothing_is_written(shop: Shell, theirs: str, named: str) -> None:
    lines = ("set shop web1 weight=7", "delete dns --yes", "add tcp:192.0.2.77:80 scheduler=rr", "set timeouts tcp=800")
    path = wanted(shop, *lines)
    shop(f"diff {path} --out {path.parent}/plan.json", status=3)
    ipvsadm(*theirs.split())
    between, profile = everything(), shop.profile.read_text()
    said = shop(f"apply {path.parent}/plan.json", status=1)
    assert f"changed since: {named}" in said
    assert "nothing was written" in said
    assert (everything(), shop.profile.read_text()) == (between, profile)
    assert said.count("changed since: ") == 1


def test_two_plans_of_one_state_are_made_one_after_the_other_only_where_they_do_not_meet(shop: Shell) -> None:
    plans = []
    for number, line in enumerate(("set shop web1 weight=7", "set shop web2 weight=7", "set shop web1 weight=8")):
        plans.append(path := shop.profile.with_name(f"{number}.json"))
        shop(f"diff {wanted(shop, line)} --out {path}", status=3)
    assert saved() == TABLE
    shop(f"apply {plans[0]}")
    shop(f"apply {plans[1]}")
    said = json.loads(shop(f"apply {plans[2]} --json", status=1).partition("lvstui: ")[0])
    assert [change["outcome"] for change in said["change"]] == ["not written"]
    assert "weight 3 -> 7" in said["change"][0]["reason"]
