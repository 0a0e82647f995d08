"""The name of a network namespace leads to a network namespace, and to nothing else."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from lvstui.kernel import namespace
from lvstui.kernel.namespace import call_in
from lvstui.kernel.port import KernelError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="entering a namespace needs root")


@pytest.mark.parametrize("name", ["", ".", "..", "../../proc/self/ns/net", "/proc/1/ns/net", "a/b", "a\0b"])
def test_a_path_is_no_name(name: str) -> None:
    with pytest.raises(KernelError, match="is no name of a network namespace; `ip netns` lists them"):
        call_in(name, lambda: None)


@pytest.mark.parametrize("kind", ["pipe", "folder", "socket", "device", "file", "mount namespace"])
def test_what_is_no_network_namespace_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(namespace, "FOLDERS", (tmp_path,))
    place = tmp_path / "blue"
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(place))
        case "device":
            place.symlink_to("/dev/zero")
        case "file":
            place.touch()
        case _:
            place.symlink_to("/proc/self/ns/mnt")
    start = time.monotonic()
    with pytest.raises(KernelError, match='blue" is no network namespace; `ip netns del blue` removes it'):
        call_in("blue", lambda: None)
    assert time.monotonic() - start < 60  # what waits for a pipe or reads a device never comes back


@needs_root
def test_a_namespace_that_docker_made_is_entered_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, dockers = tmp_path / "netns", tmp_path / "docker"
    dockers.mkdir()
    (dockers / "ingress_sbox").symlink_to("/proc/self/ns/net")
    monkeypatch.setattr(namespace, "FOLDERS", (names, dockers))
    assert call_in("ingress_sbox", lambda: namespace.OURS.stat().st_ino) == Path("/proc/self/ns/net").stat().st_ino


def test_a_name_that_is_not_there_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "FOLDERS", (tmp_path,))
    with pytest.raises(KernelError, match='there is no network namespace "blue"'):
        call_in("blue", lambda: None)
