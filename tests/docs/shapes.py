"""The shape of each object that commands print as JSON: its keys in their order, what they may hold, and what for.

What is configured comes from the tables of attributes. Of a key that may be null the type is not the whole truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from lvstui.core.attribute import Attribute, Attributes, Configured
from lvstui.core.attributes import DAEMON, GROUP, SERVER, SERVICE, TIMEOUTS
from lvstui.core.doctor.finding import State
from lvstui.core.entries.edits import Outcome
from lvstui.core.events.event import Happening
from lvstui.core.mistake import Severity
from lvstui.core.record import Kind
from lvstui.core.trace.trace import End
from lvstui.formats.foreign.recognise import Form

Fragment: TypeAlias = Mapping[str, object]
"""A piece of a JSON Schema."""


class Key(NamedTuple):
    """What stands behind a key, and what it is for."""

    kind: Fragment
    words: str = ""


Shape: TypeAlias = Mapping[str, Key]

TEXT: Final[Fragment] = {"type": "string"}
NUMBER: Final[Fragment] = {"type": "integer"}
SECONDS: Final[Fragment] = {"type": "number", "minimum": 0}
FLAG: Final[Fragment] = {"type": "boolean"}
COUNT: Final[Fragment] = {"type": "integer", "minimum": 0}
MOMENT: Final[Fragment] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}
_TYPES: Final[Mapping[object, str]] = {str: "string", int: "integer", float: "number"}


def null_or(kind: Fragment) -> Fragment:
    """Return what may be null too."""
    return {"anyOf": [kind, {"type": "null"}]}


def one_of(words: Iterable[str]) -> Fragment:
    """Return one of some words."""
    return {"enum": [*words]}


def values(words: type[Enum]) -> Fragment:
    """Return the value of one member of an enumeration."""
    return one_of(str(word.value) for word in words)


def ref(name: str) -> Fragment:
    """Return an object that has a shape of its own."""
    return {"$ref": f"#/$defs/{slug(name)}"}


def slug(name: str) -> str:
    """Return a name as a reference can have it."""
    return name.replace(" ", "-")


def some(kind: Fragment) -> Fragment:
    """Return a list."""
    return {"type": "array", "items": kind}


def _written(attribute: Attribute[Configured]) -> Fragment:
    """Return how an attribute is written."""
    kinds = attribute.kind if isinstance(attribute.kind, tuple) else (attribute.kind,)
    if kinds == (list,):
        return some(TEXT)
    found: dict[str, object] = {"type": [_TYPES[kind] for kind in kinds] if len(kinds) > 1 else _TYPES[kinds[0]]}
    if attribute.limits:
        found |= {"minimum": attribute.limits[0], "maximum": attribute.limits[1]}
    return found


def _configured(table: Attributes[Configured], front: Mapping[str, Key], may_lack: Iterable[str] = ()) -> Shape:
    """Return the shape of what is configured; `front` says what the keys that are no attributes hold."""
    lacking = frozenset(may_lack)
    shape: dict[str, Key] = {}
    plain = {one.name: one for one in table if not one.group}
    for key in table.keys:
        if key in table.groups:
            inner = {
                one.key: Key(_written(one) if key == "tunnel" else null_or(_written(one)), one.meaning)
                for one in table.groups[key]
            }
            group = _object(inner)
            found = Key(group if key == "tunnel" else null_or(group), "null: none" if key != "tunnel" else "")
        elif key in plain:
            one = plain[key]
            optional = key == "resume"
            found = Key(null_or(_written(one)) if optional else _written(one), one.meaning)
        else:
            found = front[key]
        shape[key] = found._replace(kind=null_or(found.kind)) if key in lacking else found
    return shape


def _object(shape: Shape) -> Fragment:
    """Return an object with these keys, all of them and no others."""
    properties = {
        key: {**found.kind, **({"description": found.words} if found.words else {})} for key, found in shape.items()
    }
    return {
        "type": "object",
        "properties": properties,
        "required": [*shape],
        "additionalProperties": False,
    }


def _any(table: object) -> Attributes[Configured]:
    assert isinstance(table, Attributes)
    return table


_SERVICE_KEY: Final = {"service": Key(TEXT, "as it is written: tcp:192.0.2.10:443, mark:80")}
_SERVER_KEY: Final = {"server": Key(TEXT, "address and port")}
_SERVICE: Final = _configured(_any(SERVICE), _SERVICE_KEY)
_SERVER: Final = _configured(_any(SERVER), _SERVER_KEY)
_MARK: Final = _configured(_any(GROUP), {"mark": Key({"type": "integer", "minimum": 1, "maximum": 2**32 - 1})})
_SYNC: Final = _configured(_any(DAEMON), {"role": Key(one_of(("master", "backup")))})
_NAMED: Final = {
    "service": Key(TEXT),
    "service_name": Key(null_or(TEXT), "empty for no name, null where no such service is configured"),
    "server": Key(TEXT),
    "server_name": Key(null_or(TEXT), "the same of the real server"),
}
_COUNTED: Final = {
    "stats": Key(null_or(ref("counters")), "since the start or the last zeroing; null where the kernel does not say"),
    "rates": Key(null_or(ref("counters")), "a second, as the kernel estimates it"),
}
_STATE: Final = {
    "state": Key(null_or(TEXT), "the word of the screens: ok, drain, done, full, refusing ..."),
    "evidence": Key(null_or(TEXT), "what shows it, where it does not follow from the configuration"),
}
_TABLE: Final = {
    "complete": Key(FLAG, "whether all of the connection table was read and kept"),
    "rows": Key(COUNT, "rows that were read"),
    "left_out": Key(COUNT, "rows that were read and not kept, as memory is bounded"),
}
_PROFILE_FACTS: Final = {
    "director": Key(_object({"name": Key(TEXT), "host": Key(TEXT), "netns": Key(TEXT)})),
    "timeouts": Key(null_or(_object(_configured(_any(TIMEOUTS), {}))), "seconds"),
    "sysctl": Key({"type": "object", "additionalProperties": {"type": ["string", "integer"]}}, "of net.ipv4.vs"),
    "sync": Key(null_or(some(ref("sync"))), "null where it is left alone, or not known"),
}
_WHAT: Final = ("service", "server", "mark", "sync", "sysctl", "director", "timeouts", "manage_sync")
_TARGET: Final = {
    "what": Key(one_of(_WHAT), "what it is about; the keys below say which one"),
    "service": Key(null_or(TEXT)),
    "server": Key(null_or(TEXT)),
    "mark": Key(null_or(NUMBER)),
    "sync": Key(null_or(one_of(("master", "backup")))),
    "sysctl": Key(null_or(TEXT)),
}
_VALUE: Final[Fragment] = {
    "anyOf": [
        *(ref(f"{name} as configured") for name in ("service", "server")),
        ref("mark as configured"),
        ref("sync"),
        _object(_configured(_any(TIMEOUTS), {})),
        {"type": ["string", "integer", "boolean", "null"]},
    ]
}
_CHANGE: Final = {
    **_TARGET,
    "old": Key(_VALUE, "null: there was none"),
    "new": Key(_VALUE, "null: it is removed"),
    "text": Key(TEXT, "both in a line"),
    "command": Key(some(TEXT), "what does the same in the kernel: ipvsadm, sysctl; rules of nft with + or -"),
    "outcome": Key(null_or(one_of(("written", "refused", "not written"))), "null where nothing was asked for"),
    "reason": Key(null_or(TEXT), "why it was not written"),
}
_MISTAKE: Final = {
    "line": Key(NUMBER),
    "severity": Key(values(Severity)),
    "field": Key(TEXT, "its name in the file"),
    "sentence": Key(TEXT),
}
_WAY: Final = {
    "mark": Key(null_or(NUMBER), "the mark that the packet has in the end; null where it is not known"),
    "unknown_bits": Key(NUMBER, "bits of the mark that are not known"),
    "verdict": Key(TEXT, "of the rules"),
    "destination": Key(null_or(TEXT), "where a rule of NAT sends it"),
    "port": Key(null_or(NUMBER)),
    "step": Key(some(ref("step")), "the rules on the way"),
    "end": Key(one_of(end.name.lower() for end in End)),
    "reason": Key(TEXT),
    "service": Key(null_or(TEXT)),
    "service_name": Key(null_or(TEXT)),
    "scheduler": Key(null_or(TEXT)),
    "connection": Key(
        null_or(
            _object(
                {
                    "client": Key(TEXT),
                    "virtual": Key(TEXT),
                    "server": Key(TEXT),
                    "state": Key(TEXT),
                    "left": Key(COUNT, "seconds"),
                }
            )
        ),
        "the open connection that decides",
    ),
    "entry": Key(null_or(ref("entry"))),
    "entry_decides": Key(FLAG),
    "server": Key(null_or(TEXT), "where it is the only one"),
    "server_name": Key(null_or(TEXT)),
    "server_state": Key(null_or(TEXT)),
    "weight": Key(null_or(NUMBER)),
    "forwarding": Key(null_or(TEXT)),
    "candidate": Key(some(TEXT), "all servers that it may be"),
    "next_hop": Key(
        null_or(
            _object(
                {
                    "kind": Key(null_or(TEXT)),
                    "address": Key(TEXT),
                    "interface": Key(null_or(TEXT)),
                    "link_address": Key(null_or(TEXT)),
                    "neighbour": Key(null_or(TEXT)),
                    "trouble": Key(null_or(TEXT)),
                }
            )
        ),
        "where the packet leaves to its server",
    ),
}
_SETTING: Final = {
    "value": Key({"type": ["string", "integer", "number", "boolean", "array", "null"]}),
    "origin": Key(TEXT),
    "file": Key(null_or(TEXT)),
    "line": Key(null_or(NUMBER)),
}
_FOUND: Final = {"file": Key(TEXT), **_MISTAKE}

OBJECTS: Final[Mapping[str, Shape]] = {
    "counters": {
        "connections": Key(COUNT),
        "in_packets": Key(COUNT),
        "out_packets": Key(COUNT),
        "in_bytes": Key(COUNT),
        "out_bytes": Key(COUNT),
    },
    "service as configured": _SERVICE,
    "server as configured": _SERVER,
    "mark as configured": _MARK,
    "sync": _SYNC,
    "service": {
        **_configured(_any(SERVICE), _SERVICE_KEY, ("flags",)),
        **_COUNTED,
        **_STATE,
        "server": Key(some(ref("server"))),
    },
    "server": {
        **_configured(_any(SERVER), _SERVER_KEY, ("upper", "lower", "tunnel")),
        "active": Key(null_or(COUNT), "connections"),
        "inactive": Key(null_or(COUNT), "connections"),
        "sticky": Key(null_or(COUNT), "persistence entries"),
        **_COUNTED,
        **_STATE,
    },
    "mark": {
        "mark": Key(NUMBER),
        "name": Key(TEXT),
        "match": Key(null_or(some(TEXT)), "null where our table does not set it"),
        "packets": Key(null_or(COUNT)),
        "sticky": Key(null_or(COUNT), "persistence entries"),
        "state": Key(TEXT),
        "rule": Key(some(ref("rule")), "that set it, ours and those of others"),
        "service": Key(some(ref("service")), "on it"),
        "policy": Key(some(TEXT), "rules of policy routing about it"),
        "warning": Key(some(ref("warning"))),
    },
    "rule": {
        "tool": Key(TEXT),
        "family": Key(TEXT),
        "table": Key(TEXT),
        "chain": Key(TEXT),
        "path": Key(some(TEXT), "chains that lead there"),
        "handle": Key(null_or(NUMBER)),
        "hook": Key(null_or(TEXT)),
        "priority": Key(null_or(NUMBER)),
        "match": Key(some(TEXT), "conditions in words"),
        "selector": Key(null_or(TEXT), "the same as a match of a profile, where that can say it"),
        "verb": Key(TEXT),
        "value": Key(null_or(NUMBER)),
        "mask": Key(NUMBER),
        "bits": Key(null_or(NUMBER)),
        "shift": Key(null_or(NUMBER)),
        "packets": Key(null_or(COUNT)),
        "bytes": Key(null_or(COUNT)),
        "counter": Key(null_or(TEXT)),
        "comment": Key(TEXT),
        "dormant": Key(FLAG),
        "decoded": Key(FLAG),
        "raw": Key(null_or(TEXT)),
    },
    "warning": {
        "about": Key(TEXT),
        "sentence": Key(TEXT),
        "reason": Key(TEXT),
        "remedy": Key(TEXT),
        "packet": Key(null_or(TEXT), "one that shows it, for `lvstui trace`"),
    },
    "entry": {
        "client": Key(TEXT, "address, or network where a netmask is"),
        **_NAMED,
        "state": Key(TEXT),
        "left": Key(COUNT, "seconds"),
        "origin": Key(null_or(one_of(("local", "sync")))),
        "children": Key(COUNT, "connections that hang on it"),
        "children_sure": Key(FLAG),
        "engine": Key(TEXT),
        "call_id": Key(null_or(TEXT)),
    },
    "connection": {
        "protocol": Key(TEXT),
        "client": Key(TEXT),
        "virtual": Key(TEXT, "what the client sends to"),
        **{key: found._replace(kind=null_or(TEXT)) if key == "service" else found for key, found in _NAMED.items()},
        "state": Key(TEXT, "the kernel's word: ESTABLISHED, SYN_RECV ..."),
        "left": Key(COUNT, "seconds"),
        "origin": Key(null_or(one_of(("local", "sync")))),
        "entry": Key(
            null_or(
                _object({"client": Key(TEXT), "left": Key(COUNT, "seconds"), "sure": Key(FLAG, "false: or another")})
            ),
            "the persistence entry that it hangs on",
        ),
    },
    "entry edit": {
        "dry_run": Key(FLAG),
        "outcome": Key(null_or(values(Outcome)), "null in a dry run"),
        "text": Key(TEXT, "what was seen afterwards, or what would be done"),
        "consequence": Key(some(TEXT)),
        "entry": Key(null_or(ref("entry")), "as it was read back; in a dry run as it is"),
    },
    "target": _TARGET,
    "change": _CHANGE,
    "change of a plan": {**_CHANGE, "saved": Key(_VALUE, "what the usual profile said of it; null: nothing")},
    "record": {
        "number": Key(NUMBER),
        "time": Key(MOMENT, "UTC"),
        "user": Key(TEXT),
        "source": Key(TEXT, "where from: an address, a terminal"),
        "pid": Key(NUMBER),
        "kind": Key(values(Kind)),
        "host": Key(TEXT),
        "netns": Key(TEXT),
        "interrupted": Key(FLAG),
        "change": Key(some(ref("change"))),
        "entry": Key(some(TEXT), "what was done to persistence entries"),
    },
    "step": {
        "hook": Key(TEXT),
        "priority": Key(NUMBER),
        "tool": Key(TEXT),
        "family": Key(TEXT),
        "table": Key(TEXT),
        "chain": Key(TEXT),
        "handle": Key(null_or(NUMBER)),
        "rule": Key(TEXT),
        "verdict": Key(TEXT),
        "target": Key(null_or(TEXT)),
        "mark": Key(null_or(NUMBER), "afterwards"),
        "certain": Key(FLAG),
        "matched": Key(FLAG),
    },
    "way": _WAY,
    "probe": {
        **{key: found._replace(kind=TEXT) for key, found in _NAMED.items()},
        "forwarding": Key(TEXT),
        "tunnel": Key(null_or(TEXT)),
        "protocol": Key(null_or(TEXT)),
        "virtual": Key(null_or(TEXT), "what it was asked as"),
        "asked": Key(null_or(TEXT), "where it was asked"),
        "outcome": Key(TEXT, "answers, refuses, silent, unreachable, wrong answer, unknown, not asked"),
        "seconds": Key(null_or(SECONDS)),
        "found": Key(TEXT),
    },
    "finding": {
        "question": Key(TEXT),
        "asks": Key(TEXT),
        "service": Key(null_or(TEXT), "null: the director as a whole"),
        "service_name": Key(null_or(TEXT)),
        "state": Key(values(State)),
        "looked_at": Key(TEXT),
        "found": Key(TEXT),
        "remedy": Key(null_or(TEXT)),
    },
    "advice": {
        "about": Key(TEXT),
        "service": Key(null_or(TEXT)),
        "service_name": Key(null_or(TEXT)),
        "mark": Key(null_or(NUMBER)),
        "state": Key(one_of(("wrong", "warning"))),
        "found": Key(TEXT),
        "reason": Key(null_or(TEXT)),
        "remedy": Key(null_or(TEXT)),
    },
    "loss": {
        "file": Key(TEXT),
        "line": Key(NUMBER),
        "what": Key(TEXT, "as it stands in the file"),
        "became": Key(TEXT, "what became of it"),
    },
    "mistake": _MISTAKE,
    "mistake of the configuration": _FOUND,
    "mistake of an import": _FOUND,
}
"""Objects that stand in documents."""

_PATHS: Final = Key(some(_object({"path": Key(TEXT), "exists": Key(FLAG)})))

DOCUMENTS: Final[Mapping[str, Shape]] = {
    "show services": {"service": Key(some(ref("service")))},
    "show marks": {
        "mark": Key(some(ref("mark"))),
        "other": Key(some(ref("rule")), "rules about marks of no known number"),
        "trouble": Key(null_or(TEXT), "why rules, or some, are not known"),
        "missing": Key(null_or(TEXT), "why none can be written"),
    },
    "show director": {
        "kernel": Key(_object({"origin": Key(TEXT), "version": Key(TEXT), "table_size": Key(COUNT)})),
        **_PROFILE_FACTS,
        "managed": Key(some(TEXT), "settings that the profile manages"),
        "connections": Key(null_or(COUNT)),
        "sticky": Key(null_or(COUNT), "persistence entries"),
        "table_rows": Key(null_or(COUNT)),
        **_COUNTED,
        "cpu": Key(some(ref("counters"))),
    },
    "export": {
        **_PROFILE_FACTS,
        "service": Key(
            some(_object({**_SERVICE, "server": Key(some(ref("server as configured")))})), "with `--format json`"
        ),
        "mark": Key(null_or(some(ref("mark as configured")))),
    },
    "import": {
        "file": Key(TEXT),
        "format": Key(values(Form), "whose file it is"),
        "loss": Key(some(ref("loss")), "what the profile does not hold as it stands in the file"),
        "mistake": Key(some(ref("mistake of an import")), "in this file or in those that it includes"),
        **_PROFILE_FACTS,
        "service": Key(some(_object({**_SERVICE, "server": Key(some(ref("server as configured")))}))),
        "mark": Key(null_or(some(ref("mark as configured")))),
    },
    "connections": {**_TABLE, "connection": Key(some(ref("connection")))},
    "entries": {**_TABLE, "entry": Key(some(ref("entry")))},
    "entry": OBJECTS["entry edit"],
    "diff": {"profile": Key(TEXT), "change": Key(some(ref("change")))},
    "diff --out": {
        "plan": Key({"type": "integer", "minimum": 1}, "number of the format"),
        "time": Key(MOMENT, "when it was made; UTC"),
        "user": Key(TEXT, "by whom"),
        "source": Key(TEXT, "where from: an address, a terminal"),
        "director": Key(_object({"name": Key(TEXT), "host": Key(TEXT), "netns": Key(TEXT)}), "whose plan it is"),
        "profile": Key(TEXT, "what the kernel was compared with"),
        "change": Key(some(ref("change of a plan")), "in the order in which they are made, each of another object"),
    },
    "apply": {"profile": Key(TEXT, "or the plan"), "dry_run": Key(FLAG), "change": Key(some(ref("change")))},
    "set": {
        "dry_run": Key(FLAG),
        "change": Key(some(ref("change"))),
        "entry": Key(some(ref("entry edit")), "what `drain --move-clients` did"),
    },
    "history": {"record": Key(some(ref("record")))},
    "watch": {
        "time": Key(MOMENT, "when it was seen; UTC"),
        "since": Key(null_or(MOMENT), "the reading before"),
        "kind": Key(values(Happening)),
        "who": Key(TEXT),
        "how": Key(TEXT, "seen, state, or the kind of a record"),
        "state": Key(null_or(TEXT)),
        "text": Key(TEXT),
        "target": Key(null_or(ref("target"))),
        "old": Key(null_or(TEXT), "word of a state"),
        "new": Key(null_or(TEXT)),
        "change": Key(some(ref("change")), "the first hundred"),
        "total": Key(COUNT, "of the changes"),
    },
    "trace": {
        "packet": Key(
            _object(
                {
                    "client": Key(TEXT),
                    "protocol": Key(TEXT),
                    "address": Key(TEXT),
                    "port": Key(null_or(NUMBER)),
                    "in": Key(null_or(TEXT)),
                    "from_director": Key(FLAG),
                    "established": Key(FLAG),
                    "ct_mark": Key(null_or(NUMBER)),
                }
            )
        ),
        "certain": Key(FLAG),
        "possible_mark": Key(some(NUMBER), "all marks that it may have"),
        **_WAY,
        "other": Key(some(ref("way")), "ways where something unknown matches"),
        "assumed_in": Key(null_or(TEXT), "the interface that it was taken to come in by"),
        "trouble": Key(null_or(TEXT)),
    },
    "probe": {"probe": Key(some(ref("probe"))), "keeper": Key(some(TEXT), "programs that check servers themselves")},
    "doctor": {
        "services": Key(COUNT, "that were examined"),
        "counts": Key(_object({state.value: Key(COUNT) for state in State}), "of findings"),
        "finding": Key(some(ref("finding"))),
    },
    "check": {"file": Key(TEXT), "mistake": Key(some(ref("mistake")))},
    "check --running": {"finding": Key(some(ref("advice")))},
    "config": {
        "file": _PATHS,
        "setting": Key(some(_object({"name": Key(TEXT), **_SETTING}))),
        "key": Key(some(_object({"id": Key(TEXT), **_SETTING}))),
        "finding": Key(some(ref("mistake of the configuration"))),
    },
    "config --check": {"file": _PATHS, "finding": Key(some(ref("mistake of the configuration")))},
    "keys": {
        "key": Key(
            some(
                _object(
                    {
                        "view": Key(null_or(TEXT), "null: all views"),
                        "id": Key(TEXT),
                        "key": Key(some(TEXT)),
                        "default": Key(some(TEXT)),
                        "origin": Key(TEXT),
                        "sentence": Key(TEXT),
                        "usage": Key(null_or(TEXT), "on the line of the palette; null: it takes no words"),
                    }
                )
            )
        )
    },
}
"""What commands print, by the first words of the command; `set` stands for all commands that edit."""

SAME: Final = dict.fromkeys(("add", "delete", "drain", "restore", "rollback", "mark"), "set")
"""Commands that print what another one does."""


def schema() -> Fragment:
    """Return the JSON Schema: each document and each object under `$defs`, and a document is one of the former."""
    documents = {slug(f"lvstui {name}"): _object(shape) for name, shape in DOCUMENTS.items()}
    objects = {slug(name): _object(shape) for name, shape in OBJECTS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What lvstui prints with --json",
        "description": "Made by `make docs`. Validate what COMMAND prints by #/$defs/lvstui-COMMAND.",
        "anyOf": [ref(name) for name in documents],
        "$defs": documents | objects,
    }
