"""Which namespace a director is in, from folders that stand for /proc and /run/netns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lvstui.core.model import Home
from lvstui.host import home as home_module
from lvstui.host.home import find_home, namespace_path

HOST = os.uname().nodename


class World:
    """A /proc and a /run/netns; two files are the same namespace where they are links to one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proc = folder / "proc"
        self.names = folder / "netns"
        self.dockers = folder / "docker/netns"
        for path in (self.proc / "self/ns", self.proc / "1/ns", self.names, self.dockers):
            path.mkdir(parents=True)
        for name in ("first", "blue", "other", "uts"):
            (folder / name).touch()
        self.put("self/ns/uts", "uts")

    def put(self, name: str, namespace: str) -> None:
        path = self.proc / name
        path.unlink(missing_ok=True)
        path.hardlink_to(self.folder / namespace)

    def name(self, name: str, namespace: str) -> None:
        (self.names / name).hardlink_to(self.folder / namespace)

    def start_in(self, ours: str, first: str | None) -> None:
        """Be in a namespace; `first` is that of the first process, None where it cannot be seen."""
        self.put("self/ns/net", ours)
        if first:
            self.put("1/ns/net", first)

    def is_first(self) -> None:
        """Be in the namespace that the machine started with."""
        (self.proc / "sys/net/core").mkdir(parents=True)
        (self.proc / "sys/net/core/netdev_max_backlog").touch()

    def home(self, netns: str | None = None) -> Home:
        return find_home(netns, proc=self.proc, folders=(self.names, self.dockers))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_namespace_that_the_machine_started_with_has_no_name_even_if_it_has_one(world: World) -> None:
    world.start_in("first", None)
    world.is_first()
    world.name("main", "first")
    world.name("blue", "blue")
    assert world.home() == Home(HOST)
    assert world.home("main") == Home(HOST)
    assert world.home("blue") == Home(HOST, "blue")


def test_a_namespace_of_docker_has_the_name_that_docker_gave_it(world: World) -> None:
    (world.dockers / "ingress_sbox").hardlink_to(world.folder / "blue")
    world.start_in("blue", "first")
    assert world.home() == Home(HOST, "ingress_sbox")
    world.start_in("first", "first")
    assert world.home("ingress_sbox") == Home(HOST, "ingress_sbox")
    folders = (world.names, world.dockers)
    assert namespace_path("ingress_sbox", folders) == world.dockers / "ingress_sbox"
    world.name("ingress_sbox", "other")
    assert namespace_path("ingress_sbox", folders) == world.names / "ingress_sbox"


def test_a_namespace_that_lvstui_was_started_in_has_its_name(world: World) -> None:
    world.start_in("blue", "first")
    world.name("blue", "blue")
    world.name("red", "other")
    assert world.home() == Home(HOST, "blue")
    assert world.home("red") == Home(HOST, "red")


def test_the_machines_own_namespace_is_recognised_by_its_name_from_within_another(world: World) -> None:
    world.start_in("blue", "first")
    world.name("main", "first")
    assert world.home("main") == Home(HOST)


def test_a_namespace_without_a_name_is_called_as_the_kernel_calls_it_and_is_never_the_hosts(world: World) -> None:
    for first in (None, "first"):
        world.start_in("other", first)
        home = world.home()
        assert home == Home(HOST, f"net:[{(world.folder / 'other').stat().st_ino}]")
        assert home.is_nameless


def test_a_container_with_a_name_as_a_machine_is_a_machine(world: World) -> None:
    world.start_in("other", "other")
    assert world.home() == Home(HOST)


def test_a_name_whose_namespace_is_gone_is_still_that_name(world: World) -> None:
    world.start_in("first", "first")
    world.is_first()
    assert world.home("gone") == Home(HOST, "gone")


def test_with_the_settings_hidden_what_init_has_is_the_machines_own_and_nothing_else_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_uts, first_pids = ((world.folder / name).stat().st_ino for name in ("uts", "other"))
    monkeypatch.setattr(home_module, "_FIRST_UTS", first_uts)
    monkeypatch.setattr(home_module, "_FIRST_PID", first_pids)
    world.start_in("first", "first")
    assert world.home().is_nameless  # `unshare -n -p --mount-proc`, for all that can be seen
    world.put("self/ns/pid", "other")
    assert world.home() == Home(HOST)
    world.start_in("blue", "first")
    assert world.home().is_nameless
    world.start_in("first", None)
    (world.proc / "1/ns/net").unlink()
    assert world.home().is_nameless
