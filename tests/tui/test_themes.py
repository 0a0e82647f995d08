"""Theme files: the shipped ones work, a bad one is a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvstui.tui.themes import DEFAULT, ThemeError, load, read, shipped_folder


def test_every_shipped_theme_can_be_read_and_the_default_is_one_of_them() -> None:
    names = [theme.name for theme in load(shipped_folder())]
    assert DEFAULT in names


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('name = "x"\nprimary = "blu"', "primary"),
        ('name = "x"\nprimary = "#112233"\ncolour = "red"', "colour"),
        ('name = "x"\nprimary = "#112233"\ndark = "yes"', "dark"),
        ('name = "x"\nprimary = "#112233"\nvariables = 3', "variables"),
        ('primary = "#112233"', "name"),
        ("primary = [", "bad.toml"),
        ("primary = " + "[" * 5000, "bad.toml"),
    ],
)
def test_a_bad_theme_is_a_sentence_that_names_the_file_and_the_field(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ThemeError, match=field) as raised:
        read(path)
    assert str(raised.value).startswith("bad.toml: ")
