"""Theme files: the shipped ones can be read on all grounds and terminals, a bad one is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich._palettes import EIGHT_BIT_PALETTE
from rich.color import Color
from rich.color_triplet import ColorTriplet as Triplet
from rich.style import Style

from lvstui.tui.ink import Depth, Ink
from lvstui.tui.themes import (
    COARSE,
    DEFAULT,
    ON,
    Palette,
    ThemeError,
    gather,
    read,
    shipped,
)

SHIPPED = gather().palettes
LEAST = 4.5
"""The contrast of text that WCAG asks for."""
GRAPHICS = 3.0
"""The contrast of graphics that WCAG asks for."""
TEXTS = ("foreground", "secondary", "text-dim", "accent", "warning", "error")
"""The roles of text; each can be read on all of `GROUNDS`."""
GROUNDS = ("background", "surface", "panel", "dialog", "cursor")
GRAPHICS_ON = (("bar", "background"), ("bar", "panel"), ("chart", "background"), ("chart", "panel"))

GOOD = shipped()[f"{DEFAULT}.toml"].replace(DEFAULT, "mine")


def luminance(colour: Triplet) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [value / 255 for value in colour]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Triplet, other: Triplet) -> float:
    """Return the contrast of WCAG 2, from 1 to 21."""
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def colours(palette: Palette, *, numbers: bool) -> dict[str, Triplet]:
    """Return the colours by role, as they are or as those of a terminal of 256."""
    roles = {*TEXTS, *GROUNDS, "bar", "chart", "rule", "track", *(f"text-on-{role}" for role in ON)}
    if not numbers:
        return {role: Color.parse(palette.colour(role)).get_truecolor() for role in roles}
    return {role: EIGHT_BIT_PALETTE[palette.numbers[role]] for role in roles}


def pairs(palette: Palette) -> Iterator[tuple[str, str]]:
    """Yield the roles of text with the grounds that they stand on."""
    painted = palette.theme.variables["error-painted"] == "yes"
    reverse = palette.theme.variables["cursor-reverse"] == "yes"
    for ground in GROUNDS:
        on_cursor = ground == "cursor"  # where the third rank becomes the second
        if not (reverse and on_cursor):
            yield from (
                (text, ground)
                for text in TEXTS
                if not (painted and text == "error") and not (on_cursor and text == "text-dim")
            )
    yield from ((f"text-on-{role}", role) for role in ON)


@pytest.mark.parametrize(
    ("name", "numbers"), [*((name, False) for name in SHIPPED), *((name, True) for name in SHIPPED if name != COARSE)]
)
def test_every_text_can_be_read_on_whatever_it_stands_on(name: str, numbers: bool) -> None:
    palette = SHIPPED[name]
    found = colours(palette, numbers=numbers)
    ratios = {(text, ground): contrast(found[text], found[ground]) for text, ground in pairs(palette)}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < LEAST} == {}
    graphics = {pair: contrast(found[pair[0]], found[pair[1]]) for pair in GRAPHICS_ON}
    assert {pair: round(ratio, 2) for pair, ratio in graphics.items() if ratio < GRAPHICS} == {}


def test_high_contrast_is_higher() -> None:
    palette = SHIPPED["lvstui-contrast"]
    for numbers in (False, True):
        found = colours(palette, numbers=numbers)
        assert min(contrast(found[text], found[ground]) for text, ground in pairs(palette)) >= 7


def test_there_are_five_themes_and_the_default_comes_first() -> None:
    assert next(iter(SHIPPED)) == DEFAULT
    assert {f"lvstui-{name}" for name in ("dark", "light", "safe", "ansi", "contrast")} == set(SHIPPED)


@pytest.mark.parametrize(
    ("old", "new", "at", "wanted"),
    [
        ('name = "mine"', "", "# Calm", 'name: must be a name such as "my-dark"'),
        ('name = "mine"', 'name = "My Own"', "name", 'not "My Own"'),
        ('name = "mine"', "name = 3", "name", "name: must be a name"),
        ("dark = true", 'dark = "yes"', "dark =", 'dark: must be true or false, not "yes"'),
        ("dark = true", "dark = true\ncolour = 1", "colour", "colour: is no field of a theme; there are name,"),
        ('warning = "#E0B050"', 'warning = "amber"', "warning", 'warning: must be a colour such as "#56B4E9", not "am'),
        ('warning = "#E0B050"', 'warning = "#E0B05"', "warning", "warning: must be a colour"),
        ('warning = "#E0B050"', "warning = []", "warning", "warning: must be a colour"),
        ('warning = "#E0B050"', "", "# Calm", "warning: is missing"),
        ('bar = "#5F87AF"', "", "[variables]", "variables.bar: is missing in [variables]"),
        ('bar = "#5F87AF"', 'bar = "blue"', "bar", "variables.bar: must be a colour"),
        ('bar = "#5F87AF"', 'bar = "#5F87AF"\nbars = "#5F87AF"', "bars", "variables.bars: is no field"),
        ('error-painted = "no"', "error-painted = false", "error-p", 'variables.error-painted: must be "yes" or "no"'),
        ("\nchart = 67", "\nchart = 300", "chart = 3", "xterm256.chart: must be a number of a colour from 16 to 255"),
        ("\nchart = 67", "\nchart = 7", "chart = 7", "from 16 to 255"),
        ("\nchart = 67", "\nchart = true", "chart = t", "from 16 to 255"),
        ("\nchart = 67", "\ncharts = 67", "charts", "xterm256.charts: is no field"),
        ("[xterm256]", '[sgr]\naccent = "38;5;1"\n[xterm256]', 'accent = "38', "sgr.accent: must be SGR numbers"),
        ("[xterm256]", '[sgr]\nblink = "5"\n[xterm256]', "blink", "sgr.blink: is no field"),
        ("[variables]", "[[variables]]", "[[var", "variables: must be a table [variables]"),
        ("dark = true", "dark = ", "dark = ", ""),
        ("dark = true", f"dark = {'[' * 5000}", "dark", "nested too deep"),
        ("dark = true", f"{'.'.join('a' * 5000)} = 1", "a.a", ""),
        ("dark = true", 'dark = true\n"\\u001b" = 1', '"\\u001b" =', "\\x1b: is no field"),
    ],
)
def test_a_bad_theme_is_a_sentence_with_file_line_and_field(old: str, new: str, at: str, wanted: str) -> None:
    text = GOOD.replace(old, new, 1)
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith(at))
    with pytest.raises(ThemeError) as raised:
        read("bad.toml", text)
    sentence = str(raised.value)
    assert sentence.startswith(f"bad.toml:{line}: error: ")
    assert wanted in sentence
    assert sentence.isprintable()


def test_a_theme_of_the_user_is_one_more_and_a_bad_file_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD.replace('warning = "#E0B050"', 'warning = "x"'))
    (tmp_path / "b.toml").write_text(GOOD)
    (tmp_path / "c.toml").write_text(GOOD)
    (tmp_path / "d.toml").write_bytes(b"\xff")
    (tmp_path / "e.toml").mkdir()
    (tmp_path / "f.txt").write_text("no theme")
    found = gather(tmp_path)
    assert [name for name in found.palettes if name not in SHIPPED] == ["mine"]
    assert [complaint.partition(".toml")[0].rpartition("/")[2] for complaint in found.complaints] == list("acde")
    assert "another theme mine" in found.complaints[1]


def test_of_many_bad_files_one_is_explained_and_the_others_counted(tmp_path: Path) -> None:
    """A folder of twenty bad files left three rows of the table at the start."""
    (tmp_path / "a.toml").write_bytes(b"#" * 70_000)
    (tmp_path / "b.toml").write_text(GOOD.replace("dark = true", f"dark = {'1' * 5000}"))
    assert gather(tmp_path).complaint == (
        f"{tmp_path}/a.toml cannot be read: it is larger than the 64 KiB that are read; name another file; "
        "1 more theme file cannot be used"
    )
    (tmp_path / "a.toml").unlink()
    assert gather(tmp_path).complaint == "b.toml:4: error: dark: a number has thousands of digits; correct it"


def test_a_theme_may_begin_with_a_mark_of_byte_order(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert gather(tmp_path).complaints == ()


def test_a_folder_that_is_not_there_has_no_themes_and_no_complaint(tmp_path: Path) -> None:
    assert gather(tmp_path / "themes").complaints == ()


def test_an_unknown_name_is_a_sentence_with_the_names_there_are() -> None:
    with pytest.raises(ThemeError, match='no theme "dark"; there are lvstui-dark, lvstui-ansi'):
        gather().choose("dark", "", Depth.TRUE)


def test_the_last_theme_is_taken_again_as_long_as_there_is_one_of_that_name() -> None:
    themes = gather()
    assert themes.choose("", "lvstui-safe", Depth.MANY)[0].name == "lvstui-safe"
    assert themes.choose("", "gone", Depth.MANY)[0].name == DEFAULT
    assert themes.choose("lvstui-light", "lvstui-safe", Depth.MANY)[0].name == "lvstui-light"


def test_few_colours_take_the_theme_of_sixteen_and_say_so_where_another_was_asked_for() -> None:
    themes = gather()
    assert [themes.choose("", "lvstui-safe", depth)[0].name for depth in (Depth.EIGHT, Depth.NONE)] == [COARSE] * 2
    assert themes.choose("", "lvstui-safe", Depth.EIGHT)[1] == ""
    assert "lvstui-light needs 256 colours" in themes.choose("lvstui-light", "", Depth.EIGHT)[1]


def style(palette: Palette, text: str, ground: str = "background", *, bold: bool = False) -> Style:
    return Style(color=palette.colour(text), bgcolor=palette.colour(ground), bold=bold)


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != COARSE])
def test_the_numbers_of_the_file_are_sent_to_256_colours(name: str) -> None:
    palette = SHIPPED[name]
    ink = palette.ink(Depth.MANY)
    for text, ground in pairs(palette):
        _, front, back = ink.pen(style(palette, text, ground))
        assert front == f"38;5;{palette.numbers[text]}"
        assert back == f"48;5;{palette.numbers[ground]}"


def test_sixteen_colours_are_sent_as_such_everywhere_and_trouble_shouts_more_than_a_choice() -> None:
    palette = SHIPPED[COARSE]
    for depth in (Depth.EIGHT, Depth.MANY, Depth.TRUE):
        ink = palette.ink(depth)
        assert ink.pen(style(palette, "foreground")) == ("", "37", "40")
        assert ink.pen(style(palette, "warning")) == ("1", "33", "40")
        assert ink.pen(style(palette, "text-on-error", "error", bold=True)) == ("1", "37", "41")
        assert ink.pen(style(palette, "text-on-accent", "accent", bold=True)) == ("1", "30", "46")


def test_without_colours_none_is_sent_and_what_is_painted_is_reverse() -> None:
    palette = SHIPPED[COARSE]
    ink = palette.ink(Depth.NONE)
    assert ink.pen(style(palette, "accent")) == ("", "39", "49")
    assert ink.pen(style(palette, "text-on-error", "error", bold=True)) == ("1;7", "39", "49")


def test_any_other_colour_is_rounded() -> None:
    odd = Style(color="#123456", bgcolor="#FEDCBA")
    assert Ink(Depth.EIGHT).pen(odd) == ("", "30", "47")
    assert Ink(Depth.MANY).pen(odd)[1].startswith("38;5;")
    assert Ink(Depth.TRUE).pen(odd) == ("", "38;2;18;52;86", "48;2;254;220;186")
