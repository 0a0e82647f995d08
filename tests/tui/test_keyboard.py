"""What a slow line tears apart arrives whole, and nothing that is no key is pressed."""

from __future__ import annotations

import asyncio
import os
import pty
import random
import time
import tty
from collections.abc import Iterator
from threading import Thread

import pytest
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.app import App
from textual.message import Message

from lvstui.tui.driver import SturdyDriver
from lvstui.tui.keyboard import Keyboard, Kind, Piece

PASTE, PASTED = "\x1b[200~", "\x1b[201~"
MOUSE = "\x1b[<0;112;34M"


def sent(*packets: str, apart: float = 0.5) -> list[tuple[str, str]]:
    """Return the pieces of packets that arrive so many seconds apart, with silence at the end."""
    keyboard, pieces, now = Keyboard(), list[Piece](), 0.0
    for packet in packets:
        pieces += keyboard.take(packet, now)
        arrives = now + apart
        while now < arrives:
            now += 0.1
            pieces += keyboard.silence(now)
    return [(piece.kind.name, piece.text) for piece in pieces]


@pytest.mark.parametrize("at", range(1, len(PASTED)))
def test_the_end_of_a_paste_that_arrives_in_two_parts_ends_it(at: int) -> None:
    assert sent(f"{PASTE}abc{PASTED[:at]}", f"{PASTED[at:]}x", "y") == [("PASTE", "abc"), ("TEXT", "x"), ("TEXT", "y")]


@pytest.mark.parametrize("apart", [0.5, 5.0])
@pytest.mark.parametrize("at", range(1, len(PASTE)))
def test_a_paste_whose_beginning_arrives_in_two_parts_presses_none_of_its_characters(at: int, apart: float) -> None:
    kinds = sent(PASTE[:at], f"{PASTE[at:]}qDz{PASTED}", apart=apart)
    assert kinds == [*([("KEY", "\x1b")] if at == 1 else []), ("PASTE", "qDz")]


def test_a_paste_torn_anywhere_is_one_text() -> None:
    chance = random.Random(1)
    text = "10.0.0.1\x1b[31mD\x03\r\n\x00é" * 50
    for _ in range(50):
        whole = f"j{PASTE}{text}{PASTED}k"
        cuts = sorted(chance.sample(range(6, len(whole)), 5))
        packets = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        assert sent(*packets) == [("TEXT", "j"), ("PASTE", text), ("TEXT", "k")]


@pytest.mark.parametrize("key", ["j", "\x03", "\x1b", "\x1b[A", f"{PASTE}x{PASTED}"])
def test_after_a_silence_a_key_ends_a_paste_that_never_did(key: str) -> None:
    assert sent(f"{PASTE}abc", key, apart=2)[:2] == [("PASTE", "abc"), sent(key)[0]]


def test_after_a_silence_more_text_is_more_of_the_paste_and_presses_nothing() -> None:
    assert sent(f"{PASTE}abc", f"qDz{PASTED}j", apart=5) == [("PASTE", "abc"), ("PASTE", "qDz"), ("TEXT", "j")]
    assert sent(f"{PASTE}abc\x1b[2", "01~j", apart=5) == [("PASTE", "abc"), ("TEXT", "j")]


def test_of_a_paste_without_end_a_bounded_part_is_kept() -> None:
    ((kind, text),) = sent(PASTE + "a" * 1_000_000, *["b" * 100_000] * 5, PASTED, apart=0.1)
    assert (kind, text) == ("PASTE", "a" * 4_096)


def test_how_much_of_a_paste_was_cut_off_is_known() -> None:
    keyboard = Keyboard()
    assert keyboard.take(f"{PASTE}{'a' * 5_000}", 0.0) == []
    pieces = keyboard.take(f"{'b' * 96}{PASTED}{PASTE}c{PASTED}", 0.1)
    assert [(piece.text[-1], len(piece.text), piece.cut) for piece in pieces] == [("a", 4_096, 1_000), ("c", 1, 0)]


@pytest.mark.parametrize(
    "sequence", ["\x1b[A", "\x1bOA", "\x1b[15~", "\x1b[1;5C", "\x1b[[A", "\x1b[2$", MOUSE, "\x1b[M !!"]
)
def test_a_sequence_torn_behind_its_first_two_characters_is_whole_however_late_its_rest_is(sequence: str) -> None:
    assert sent(sequence, "j") == [("SEQUENCE", sequence), ("TEXT", "j")]
    for at in range(2, len(sequence)):
        assert sent(sequence[:at], f"{sequence[at:]}j", apart=9) == [("SEQUENCE", sequence), ("TEXT", "j")]


@pytest.mark.parametrize("sequence", ["\x1b[A", "\x1bOA", "\x1b[15~", MOUSE])
def test_what_follows_an_escape_too_late_is_still_no_key_of_its_own(sequence: str) -> None:
    assert sent(sequence[:1], sequence[1:]) == [("KEY", "\x1b"), ("SEQUENCE", sequence)]
    assert sent("\x1b", "[x", "\x1b", "Ox y") == [
        ("KEY", "\x1b"), ("SEQUENCE", "\x1b[x"), ("KEY", "\x1b"), ("TEXT", "Ox y")
    ]  # fmt: skip


def test_escape_alone_is_a_key_after_a_tenth_of_a_second_and_no_later() -> None:
    keyboard = Keyboard()
    assert keyboard.take("\x1b", 5.0) == []
    assert keyboard.wait(5.0) == pytest.approx(0.1)
    assert keyboard.silence(5.05) == []
    assert keyboard.silence(5.1) == [Piece(Kind.KEY, "\x1b")]
    assert sent("\x1b\x1b", "j", "\x1bj") == [("KEY", "\x1b"), ("KEY", "\x1b"), ("TEXT", "j"), ("KEY", "\x1bj")]


def test_a_beginning_without_rest_is_dropped_and_swallows_no_key_that_cannot_be_its_rest() -> None:
    assert sent("\x1b[<0;1", "\r") == [("TEXT", "\r")]
    assert sent("\x1b[<0;1\x1b[A") == [("SEQUENCE", "\x1b[A")]
    assert sent("\x1b[", "\r") == [("KEY", "\x1b["), ("TEXT", "\r")]


def test_every_key_that_textual_knows_is_one_piece() -> None:
    for sequence in ANSI_SEQUENCES_KEYS:
        if sequence != "\x1b\x1b":
            assert [text for _, text in sent(sequence)] == [sequence]


class Bare(App[None]):
    """An app of which the driver needs the terminal's side alone."""


class Typed(SturdyDriver):
    """The driver, which keeps what it would pass on."""

    def __init__(self, terminal: int) -> None:
        super().__init__(Bare())
        self.fileno = terminal
        self.passed: list[Message] = []

    def process_message(self, message: Message) -> None:
        self.passed.append(message)


async def made(terminal: int) -> Typed:
    return Typed(terminal)  # which asks for the loop that runs


@pytest.fixture
def line() -> Iterator[tuple[int, Typed]]:
    """Yield the far end of a terminal and the driver that reads its near one."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    driver = asyncio.run(made(theirs))
    thread = Thread(target=driver._run_input_thread)
    thread.start()
    yield ours, driver
    driver.exit_event.set()
    thread.join()
    os.close(ours)
    os.close(theirs)


def passed(line: tuple[int, Typed], *packets: bytes, until: int) -> list[str]:
    """Send packets, a moment longer apart than an escape sequence may take, and return the messages in short."""
    ours, driver = line
    for packet in packets:
        os.write(ours, packet)
        time.sleep(0.15)
    deadline = time.monotonic() + 60
    while len(driver.passed) < until and time.monotonic() < deadline:
        time.sleep(0.01)
    short = list[str]()
    for message in driver.passed:
        match message:
            case events.Key():
                short.append(message.key)
            case events.Paste():
                short.append(f"paste {message.text}")
            case events.MouseEvent():
                short.append(f"{type(message).__name__} {message.x:g} {message.y:g}")
            case _:
                short.append(type(message).__name__)
    return short


def test_keys_go_on_after_a_paste_whose_end_a_slow_line_tears_apart(line: tuple[int, Typed]) -> None:
    packets = b"\x1b[200~abc\x1b", b"[201~", b"x", b"\x1b[", b"A", b"\x1b[<0;1", b"2;3M", b"\x1b"
    assert passed(line, *packets, until=5) == ["paste abc", "x", "up", "MouseDown 11 2", "escape"]


def test_what_is_no_key_is_never_pressed(line: tuple[int, Typed]) -> None:
    """Control characters that are pasted, answers and keys that are not known, bytes that are no text."""
    packets = b"\x1b[200~a\x1bq\x1b[31m\x00\tb\x1b[201~", b"\x1b[?64;1;2c\x1b[99;9xq", b"\xe9\xff", b"\x1b[I\x1bq\x1bf"
    wanted = ["paste aq[31m b", "q", "AppFocus", "alt+q", "ctrl+right"]
    assert passed(line, *packets, until=5) == wanted


def test_a_million_pasted_characters_are_through_in_a_moment(line: tuple[int, Typed]) -> None:
    text = random.Random(1).randbytes(500_000).hex().encode()
    packet = memoryview(b"\x1b[200~" + text + b"\x1b[201~x")
    before = time.process_time()
    while packet:
        packet = packet[os.write(line[0], packet[:4000]) :]
    assert passed(line, until=2) == [f"paste {text[:4_096].decode()}", "x"]
    assert time.process_time() - before < 5
