"""What iptables-save writes, taken apart: a rule's conditions and what it does with a mark, in nft's words."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from lvstui.core.observed import ALL_BITS
from lvstui.core.packets.program import interface_number, interfaces_from
from lvstui.kernel.nft.reading.conditions import Condition, match_bits, match_values, unknown
from lvstui.kernel.nft.reading.explained import Effect
from lvstui.kernel.nft.reading.fields import IIFNAME, OIFNAME, PROTOCOL, PROTOCOLS, PacketField, address_field
from lvstui.kernel.nft.xtables import iptables_matches
from lvstui.kernel.nft.xtables.iptables_matches import Words, words_of
from lvstui.kernel.nft.xtables.iptables_options import Match, Option, match_address, protocol_number
from lvstui.kernel.nft.xtables.iptables_targets import MARKING, mark_effects

_RULE: Final = re.compile(r"(?:\[(\d{1,20}):(\d{1,20})\] )?(-A (\S+).*)", re.DOTALL)
_WORD: Final = re.compile(r'"(?:[^"\\]|\\.)*"|\S+', re.DOTALL)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_TARGET: Final = re.compile(r" -[jg] (\S+)")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_FRAGMENT: Final = PacketField("ip frag-off", 2, "bits", layer=(3, 2))


class UnknownLine(ValueError):
    """A line that iptables-save does not write."""


@dataclass(frozen=True, slots=True)
class Read:
    """One rule of iptables without its counters: what it asks, its target, what it does with marks.

    `sure` says whether all that it asks is understood. `target` is the word behind -j, or -g (then it `goes` there),
    and its options; empty where there is none.
    """

    chain: str
    text: str
    conditions: tuple[Condition, ...] = ()
    sure: bool = True
    target: tuple[str, ...] = ()
    goes: bool = False
    effects: tuple[Effect, ...] = ()
    comment: str = ""


class SavedLine(NamedTuple):
    """One line of iptables-save: a rule, which is read when it is asked for, and its counters, None if not known.

    `target` is the word behind -j or -g, empty where there is none.
    """

    chain: str
    text: str
    version: int
    target: str = ""
    packets: int | None = None
    bytes: int | None = None

    @property
    def rule(self) -> Read:
        """What the rule says."""
        return read(self.text, self.version)

    @property
    def marks(self) -> bool:
        """Whether the rule may do something with a mark."""
        return self.target in MARKING or "--restore-skmark" in self.text


class _Token(NamedTuple):
    """A word of a line; one in quotes is no option."""

    text: str
    quoted: bool = False

    @property
    def is_option(self) -> bool:
        return not self.quoted and (self.text == "!" or self.text.startswith("-"))


@dataclass(slots=True)
class _Parts:
    """A rule's words while they are read; `version` is that of IP."""

    tokens: list[_Token]
    version: int
    place: int = 0
    conditions: list[Condition] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    protocol: int | None = None
    comment: str = ""
    target: tuple[str, ...] = ()
    goes: bool = False

    @property
    def more(self) -> bool:
        return self.place < len(self.tokens)

    def take(self) -> str:
        """Take the next word; raises IndexError where the line ends too early."""
        self.place += 1
        return self.tokens[self.place - 1].text

    def take_rest(self) -> tuple[str, ...]:
        """Take all words up to the end."""
        taken = tuple(token.text for token in self.tokens[self.place :])
        self.place = len(self.tokens)
        return taken

    def take_values(self, words: Words) -> tuple[str, ...]:
        """Take the words of an option; raises IndexError where there are too few."""
        start = self.place
        for _ in range(words.least):
            self.take()
        while words.more and self.more and not self.tokens[self.place].is_option:
            self.place += 1
        return tuple(token.text for token in self.tokens[start : self.place])

    def take_options(self, module: str) -> tuple[Option, ...]:
        """Take the options of a match; those of one letter are not among them."""
        found = []
        while self.more:
            negated = self.tokens[self.place] == _Token("!")
            option = self.tokens[self.place + negated : self.place + negated + 1]
            if not option or option[0].quoted or not option[0].text.startswith("--"):
                break
            self.place += negated + 1
            found.append(Option(option[0].text, self.take_values(words_of(module, option[0].text)), negated))
        return tuple(found)


def line(text: str, version: int) -> SavedLine:
    """Read a line such as `[0:0] -A PREROUTING -p tcp -j MARK --set-xmark 0x50/0xffffffff`; raises `UnknownLine`."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise UnknownLine(text)
    packets, size, rule, chain = found.groups()
    plain = _QUOTED.sub('""', rule) if '"' in rule else rule
    *_, target = ("", *_TARGET.findall(plain))
    counted = (int(packets), int(size)) if packets else (None, None)
    return SavedLine(chain, rule, version, target, *counted)


@lru_cache(1 << 14)
def read(rule: str, version: int) -> Read:
    """Read a rule without its counters, from `-A` on; what is not understood makes it one that is not sure."""
    tokens = [_token(word) for word in _WORD.findall(rule)]
    parts = _Parts(tokens[2:], version)
    while parts.more:
        start = parts.place
        try:
            _option(parts)
        except (ValueError, LookupError):
            parts.place = max(parts.place, start + 1)
            words = parts.tokens[start : parts.place]
            parts.conditions.append(unknown(" ".join(shlex.quote(word.text) for word in words)))
    sure = not any(condition.field.kind == "unknown" for condition in parts.conditions)
    effects = (*parts.effects, *mark_effects(parts.target, len(parts.conditions)))
    asked = tuple(parts.conditions)
    return Read(tokens[1].text, rule, asked, sure, parts.target, parts.goes, effects, parts.comment)


def _token(word: str) -> _Token:
    return _Token(_ESCAPE.sub(r"\1", word[1:-1]), True) if word[0] == '"' and len(word) > 1 else _Token(word)


def _option(parts: _Parts) -> None:
    """Read the next part of a rule; raises ValueError or LookupError where it is not understood."""
    negated = parts.tokens[parts.place] == _Token("!")
    if negated:
        parts.take()
    option = parts.take()
    match option:
        case "-m":
            _match(parts, parts.take())
        case "-j" | "-g":
            parts.target = parts.take_rest()
            parts.goes = option == "-g"
        case "-p":
            if number := protocol_number(parts.take()):
                parts.conditions.append(match_values(PROTOCOL, ((number, number),), negated))
                parts.protocol = None if negated else number
        case "-s" | "-d":
            field = address_field(parts.version, "saddr" if option == "-s" else "daddr")
            parts.conditions.append(match_address(parts.take(), field, negated))
        case "-i" | "-o":
            parts.conditions.append(_interface(IIFNAME if option == "-i" else OIFNAME, parts.take(), negated))
        case "-f":
            parts.conditions.append(match_bits(_FRAGMENT, 0x1FFF, 0, not negated))
        case _ if option.startswith("--"):  # of the protocol's own match, which goes without saying
            parts.place -= 1 + negated
            _match(parts, PROTOCOLS.get(parts.protocol or 0, ""))
        case _:
            parts.take_values(Words(0, more=True))
            raise ValueError(option)


def _match(parts: _Parts, module: str) -> None:
    start = parts.place
    options = parts.take_options(module)
    if parts.place == start and module == "":
        raise ValueError(module)
    if module == "comment":
        parts.comment = options[0].value
    parts.conditions += iptables_matches.read(Match(module, options, parts.version, parts.protocol))
    if module == "socket" and Option("--restore-skmark") in options:
        text = "meta mark set socket mark"
        parts.effects.append(Effect("set", None, ALL_BITS, len(parts.conditions), text=text, certain=False))


def _interface(which: PacketField, name: str, negated: bool) -> Condition:
    if not name.endswith("+"):
        value = interface_number(name)
        return match_values(which, ((value, value),), negated)
    return match_values(which, (interfaces_from(name[:-1]),), negated)
