"""Whose file it is, by what stands in it; and damaged files of each program."""

from __future__ import annotations

import time
from random import Random

import pytest

from lvstui.formats.foreign.recognise import Form, recognise
from lvstui.formats.profile.examine import examine
from lvstui.formats.profile.flaws import ProfileError
from lvstui.formats.profile.write import dumps, loads
from lvstui.kernel.memory.demo import demo_director
from tests.campaign.decoders import mutate
from tests.formats.foreign.names import load
from tests.formats.foreign.seeds import SEEDS_OF


@pytest.mark.parametrize("form", Form)
def test_a_file_is_known_by_what_stands_in_it(form: Form) -> None:
    assert {recognise(text) for text in SEEDS_OF[form]} == {form}


def test_a_profile_is_nobody_elses_file() -> None:
    assert recognise(dumps(demo_director())) is None
    assert recognise("") is None


@pytest.mark.parametrize("form", Form)
def test_a_file_that_is_taken_for_a_profile_says_which_import_to_use(form: Form) -> None:
    with pytest.raises(ProfileError) as error:
        examine(SEEDS_OF[form][0], "x y.conf")
    assert f"this is {form.words}, no profile; `lvstui import 'x y.conf' -o PROFILE` makes one" in str(error.value)


@pytest.mark.parametrize("form", Form)
def test_a_line_without_end_takes_no_time(form: Form) -> None:
    blanks = " " * 20_000
    rows = [f"{row}{blanks}x" for row in SEEDS_OF[form][0].split("\n")[:9]]
    begin = time.process_time()
    load(form, "\n".join((*rows, "x" * 20_000, '"' * 19_999, "{" * 19_999, "-a " * 6_666)), {}, "lb1")
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("form", Form)
def test_damaged_files_are_read_or_told_of_in_a_moment_and_what_is_read_is_a_profile(form: Form) -> None:
    random = Random(7)
    for _ in range(150):
        text = mutate.text(random, random.choice(SEEDS_OF[form]), SEEDS_OF[form])
        begin = time.process_time()
        found = load(form, text, {"conf.d/a": text}, "lb1")
        assert time.process_time() - begin < 1
        last = text.count("\n") + 1
        assert all(
            1 <= int(one.split(":")[1]) <= last and "\n" not in one
            for one in map(str, (*found.mistakes, *found.losses))
        )
        if not found.refused:
            assert loads(dumps(found.director), "p.toml") == found.director
