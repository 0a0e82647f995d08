"""docs/lvstui.schema.json and the tables of docs/json.md, and whether a document is as the schema says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.docs.parts import ROOT, code, table
from tests.docs.shapes import DOCUMENTS, OBJECTS, SAME, Fragment, Shape, schema, slug

FILE: Final[Path] = ROOT / "docs" / "lvstui.schema.json"

_KINDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def text() -> str:
    """Return the schema as it stands in its file."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def flaws(document: object, command: str) -> list[str]:
    """Return what in a document of a command is not as the schema says, each with its place."""
    definitions = schema()["$defs"]
    assert isinstance(definitions, dict)
    return list(_flaws(document, definitions[slug(f"lvstui {command}")], definitions, "$"))


def _flaws(value: object, wanted: Fragment, definitions: Mapping[str, Fragment], at: str) -> Iterator[str]:
    """Yield what is wrong, by those words of JSON Schema that ours has."""
    if isinstance(name := wanted.get("$ref"), str):
        yield from _flaws(value, definitions[name.removeprefix("#/$defs/")], definitions, at)
    if isinstance(ways := wanted.get("anyOf"), list):
        found = [list(_flaws(value, way, definitions, at)) for way in ways]
        if all(found):
            yield from min(found, key=len)
    if "enum" in wanted and value not in _listed(wanted["enum"]):
        yield f"{at}: {value!r} is none of {wanted['enum']}"
    kinds = wanted.get("type")
    names = _listed(kinds) if isinstance(kinds, list) else [kinds] if kinds else []
    if names and not any(_is(value, str(kind)) for kind in names):
        yield f"{at}: {value!r} is no {' or '.join(map(str, names))}"
        return
    if isinstance(value, str) and isinstance(pattern := wanted.get("pattern"), str) and not re.search(pattern, value):
        yield f"{at}: {value!r} does not match {pattern}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        for word, wrong in (("minimum", -1), ("maximum", 1)):
            limit = wanted.get(word)
            if isinstance(limit, int) and (value - limit) * wrong > 0:
                yield f"{at}: {value} is beyond the {word} {limit}"
    if isinstance(value, list) and isinstance(items := wanted.get("items"), dict):
        for place, item in enumerate(value):
            yield from _flaws(item, items, definitions, f"{at}[{place}]")
    if isinstance(value, dict):
        yield from _object_flaws(value, wanted, definitions, at)


def _object_flaws(
    value: Mapping[str, object], wanted: Fragment, definitions: Mapping[str, Fragment], at: str
) -> Iterator[str]:
    properties = wanted.get("properties", {})
    assert isinstance(properties, dict)
    for key in _listed(wanted.get("required", [])):
        if key not in value:
            yield f"{at}.{key}: is missing"
    more = wanted.get("additionalProperties", True)
    for key, inner in value.items():
        if key in properties:
            yield from _flaws(inner, properties[key], definitions, f"{at}.{key}")
        elif more is False:
            yield f"{at}.{key}: is no key here"
        elif isinstance(more, dict):
            yield from _flaws(inner, more, definitions, f"{at}.{key}")


def _listed(value: object) -> Sequence[object]:
    assert isinstance(value, list)
    return value


def _is(value: object, kind: str) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def documents() -> str:
    """Return the table of what each command prints."""
    return "\n\n".join(f"### {_title(name)}\n\n{_table(shape)}" for name, shape in DOCUMENTS.items())


def objects() -> str:
    """Return the tables of the objects within."""
    return "\n\n".join(f"### {name}\n\n{_table(shape)}" for name, shape in OBJECTS.items())


def _title(name: str) -> str:
    others = [code(other) for other, same in SAME.items() if same == name]
    return ", ".join([code(name), *others])


def _table(shape: Shape) -> str:
    rows = ((code(key), _kind(found.kind), found.words) for key, found in shape.items())
    return table(("key", "type", "what it is"), rows)


def _kind(wanted: Fragment) -> str:
    """Write what stands behind a key in a few words."""
    if isinstance(name := wanted.get("$ref"), str):
        word = name.removeprefix("#/$defs/")
        return f"[{word.replace('-', ' ')}](#{word})"
    if isinstance(ways := wanted.get("anyOf"), list):
        return " or ".join(_kind(way) for way in ways)
    if "enum" in wanted:
        return ", ".join(code(str(word)) for word in _listed(wanted["enum"]))
    kinds = wanted.get("type")
    if kinds == "array":
        items = wanted.get("items")
        return f"list of {_kind(items)}" if isinstance(items, dict) else "list"
    if kinds == "object" and isinstance(inner := wanted.get("properties"), dict):
        return f"object: {', '.join(map(code, inner))}"
    limits = f" {wanted['minimum']} to {wanted['maximum']}" if "maximum" in wanted else ""
    return (" or ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds)) + limits
