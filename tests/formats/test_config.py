"""config.toml as text: each value with its line, each mistake by its field, and what is written can be read again."""

from __future__ import annotations

import pytest

from lvstui.core.config import SETTINGS, Config
from lvstui.formats.config import read, toml_lines


def wrong(text: str) -> list[str]:
    return [str(mistake) for mistake in read("c.toml", text).mistakes]


def test_each_value_has_its_line() -> None:
    config = read("c.toml", 'interval = 2\n\n[host]\nbanner = "LIVE"\n[keys]\n"weight.up" = "F5"\nundo = ["x", "F6"]\n')
    assert config.mistakes == ()
    assert {name: (found.value, found.origin) for name, found in {**config.values, **config.keys}.items()} == {
        "interval": (2.0, "c.toml:1"),
        "host.banner": ("LIVE", "c.toml:4"),
        "weight.up": (("f5",), "c.toml:6"),
        "undo": (("x", "f6"), "c.toml:7"),
    }


def test_a_command_may_be_named_without_quotes() -> None:
    assert set(read("c.toml", '[keys]\nweight.up = "F5"\n[keys.view]\nmarks = "F3"\n').keys) == {
        "weight.up",
        "view.marks",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("interval = 0.1", "c.toml:1: error: interval: must be 0.2 to 3600 seconds, not 0.1"),
        ("interval = nan", "c.toml:1: error: interval: must be 0.2 to 3600 seconds, not nan"),
        ("interval = true", "c.toml:1: error: interval: must be a number of seconds, not true or false"),
        ('view = "mark"', "c.toml:1: error: view: must be one of services, persistence, marks, connections, director"),
        ('mouse = "no"', "c.toml:1: error: mouse: must be true or false, not a text"),
        ("teme = 1", "c.toml:1: error: teme: is no setting; did you mean theme?"),
        ('banner = "X"', "c.toml:1: error: banner: is no setting; did you mean host.banner?"),
        ("host = 3", "c.toml:1: error: host: must be a table, written [host]"),
        ("[host]\ncolour = 'green'", "c.toml:2: error: host.colour: must be one of red, yellow, blue, none"),
        ("[host]\nbanner = '" + "x" * 31 + "'", "c.toml:2: error: host.banner: may have 30 characters, not 31"),
        ("[host]\nbanner = 'a\\nb'\n[hots]", "c.toml:3: error: hots: is no setting; did you mean host?"),
        ("[columns]\nmarks = 'x'", "c.toml:2: error: columns.marks: must be a list of texts"),
        ("[server]\nweight = -1", "c.toml:2: error: server.weight: must be from 0 to 2147483647"),
        ("[server]\nweight = '1'", "c.toml:2: error: server.weight: must be a whole number, not a text"),
        ("[server]\nforwarding = 'nat'", "c.toml:2: error: server.forwarding: must be masq, route or tunnel"),
        ("[server.tunnel]\ntype = 'x'", "c.toml:2: error: server.tunnel.type: must be"),
        ("[keys]\nadd = 'F99'", 'c.toml:2: error: keys.add: "F99" is no key; write a letter'),
        ("[keys]\nadd = 3", "c.toml:2: error: keys.add: must be a key, or a list of keys"),
        ("theme =", "c.toml:1: error: theme: "),
        ("a." * 40 + "b = 1", "c.toml:1: error: "),
        ("x = " + "[" * 5000, "c.toml:1: error: "),
    ],
)
def test_a_mistake_names_line_and_field_and_what_would_be_right(text: str, sentence: str) -> None:
    assert any(line.startswith(sentence) for line in wrong(text)), wrong(text)


def test_every_mistake_is_found_and_the_rest_of_the_file_counts() -> None:
    config = read("c.toml", 'interval = 0\nview = "marks"\nmouse = 1\n[keys]\nadd = "nokey"\nundo = "F9"\n')
    assert [(mistake.line, mistake.field) for mistake in config.mistakes] == [
        (1, "interval"),
        (3, "mouse"),
        (5, "keys.add"),
    ]
    assert config.text("view") == "marks"
    assert config.given_keys == {"undo": ("f9",)}


def test_a_mark_of_byte_order_is_read_over() -> None:
    assert read("c.toml", "\ufeffview = 'marks'").text("view") == "marks"


def test_keys_that_a_command_never_loses_are_added() -> None:
    assert read("c.toml", "[keys]\nquit = []\ndrop = 'F8'\n").given_keys == {
        "quit": ("ctrl+c",),
        "drop": ("f8", "escape"),
    }


def test_what_is_written_is_read_as_the_same() -> None:
    text = """
theme = "lvstui-light"
interval = 2.5
view = "marks"
mouse = false
ascii = true
read_only = true
[host]
banner = "a \\" b"
colour = "red"
[columns]
services = ["weight"]
connections = []
[server]
forwarding = "tunnel"
weight = 5
[server.tunnel]
type = "gue"
port = 6080
[keys]
"weight.up" = ["F5", "plus"]
undo = []
"""
    config = read("c.toml", text)
    again = read("d.toml", "\n".join(toml_lines(config)))
    assert (config.mistakes, again.mistakes) == ((), ())
    assert {name: found.value for name, found in again.values.items()} == {
        name: found.value for name in SETTINGS if (found := config.found(name)) is not None
    }
    assert again.given_keys == config.given_keys


def test_defaults_are_written_so_that_they_can_be_pasted() -> None:
    assert read("d.toml", "\n".join(toml_lines(Config()))).mistakes == ()


def test_what_is_no_toml_hides_neither_other_mistakes_nor_values() -> None:
    found = read(
        "c.toml", "read_only = true\ntheme = light\ninterval = 0\n[host]\ncolour = 'pink'\n[theme]\nx = 1\n[host]\n"
    )
    assert [one.line for one in found.mistakes] == [2, 3, 5, 6, 8], list(map(str, found.mistakes))
    assert found.flag("read_only") is True


def test_a_setting_of_a_table_that_stands_outside_of_it_is_known_by_its_name() -> None:
    assert wrong('colour = "red"\n') == ["c.toml:1: error: colour: is no setting; did you mean host.colour?"]
