"""JSON as it is printed: bit by bit, an object of a list a line."""

import json
from collections.abc import Iterator

import pytest

from lvstui.formats.json import pieces

SERVER = {"server": "10.0.0.1:80", "stats": {"connections": 1}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        "ü",
        {"service": []},
        {"service": [{"server": []}, {"server": [SERVER, SERVER]}, {"server": [], "flags": ["a", "b"]}]},
        [{"changes": ["a"]}, {"changes": []}],
        {"daemon": ({"role": "master"},), "sysctl": {"a": 1}, "nothing": None, "yes": True},
    ],
)
def test_what_is_printed_reads_back_equal(document: object) -> None:
    assert json.loads("".join(pieces(document))) == json.loads(json.dumps(document))


def test_an_object_of_a_list_is_one_line_where_it_lists_no_others() -> None:
    assert "".join(pieces({"service": [{"name": "a", "server": [SERVER, SERVER]}]})).splitlines() == [
        "{",
        '  "service": [',
        "    {",
        '      "name": "a",',
        '      "server": [',
        f"        {json.dumps(SERVER)},",
        f"        {json.dumps(SERVER)}",
        "      ]",
        "    }",
        "  ]",
        "}",
    ]


def test_what_a_generator_lists_is_made_only_when_it_is_written() -> None:
    made = []

    def numbers() -> Iterator[object]:
        for number in range(2):
            made.append(number)
            yield {"number": number}

    written = pieces({"numbers": numbers()})
    seen = [len(made) for _ in written]
    assert (seen[0], seen[-1]) == (0, 2)
    assert seen.index(1) < seen.index(2)


def test_an_empty_generator_is_an_empty_list() -> None:
    assert json.loads("".join(pieces({"service": (number for number in range(0))}))) == {"service": []}
