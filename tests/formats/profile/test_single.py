"""One service as a text: what comes back is what was meant, and each mistake stands above its line."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from lvstui.core.change import Change, fold
from lvstui.core.keys import give
from lvstui.core.mistake import Mistake
from lvstui.core.model import Director, Pool
from lvstui.formats.profile import single
from lvstui.formats.profile.flaws import ProfileError
from lvstui.kernel.memory.demo import demo_director

DIRECTOR = demo_director()


def pool_of(name: str) -> Pool:
    return next(pool for pool in DIRECTOR.pools.values() if pool.service.name == name)


SHOP = pool_of("shop")
TEXT = single.dump(SHOP)


def read(text: str, director: Director = DIRECTOR, *, profile: bool = True) -> tuple[Change, ...]:
    return single.read(text, "service.toml", SHOP, director, profile=profile)


def mistakes(text: str, *, profile: bool = True) -> Sequence[Mistake]:
    with pytest.raises(ProfileError) as found:
        read(text, profile=profile)
    return found.value.mistakes


@pytest.mark.parametrize("pool", DIRECTOR.pools.values(), ids=lambda pool: pool.service.name)
def test_a_text_that_nobody_changed_changes_nothing(pool: Pool) -> None:
    assert single.read(single.dump(pool), "service.toml", pool, DIRECTOR, profile=True) == ()


def test_what_is_changed_added_and_taken_out_becomes_changes_that_lead_there() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("    {")]
    text = TEXT.replace(rows[0], rows[0].replace("weight = ", "weight = 1")).replace(f"{rows[-1]}\n", "")
    text = text.replace("server = [\n", 'server = [\n    { server = "10.9.9.9:443", weight = 4 },\n')
    text = text.replace("[[service]]\n", "[[service]]\n# mine\n")
    changes = read(text)
    after = fold(DIRECTOR, changes).pools[SHOP.service.key]
    assert len(changes) == 3
    assert len(after.servers) == len(SHOP.servers)
    assert set(read(single.dump(after))) == set(changes)


def test_a_sentence_names_the_keys_that_the_configuration_gave() -> None:
    give({"delete": ["f8"]})
    try:
        (mistake,) = mistakes(TEXT.replace("tcp:192.0.2.10:443", "tcp:192.0.2.99:443"))
        assert mistake.sentence.endswith("add another service by A, and delete this one by F8")
    finally:
        give({})


@pytest.mark.parametrize(
    ("old", "new", "line_with", "sentence"),
    [
        ("weight = ", "weight = -", "weight = -", "weight"),
        ("[[service]]\n", "[[service]]\nspeed = 3\n", "speed", "is not a key here"),
        (
            'service = "tcp:192.0.2.10:443"',
            'service = "tcp:192.0.2.99:443"',
            "192.0.2.99",
            "must stay tcp:192.0.2.10:443",
        ),
        ("[[service]]\n", "[timeouts]\ntcp = 5\n[[service]]\n", "[timeouts]", "is edited here; take this out"),
        ("[[service]]\n", "[[service]\n", "[[service]", "the brackets do not match"),
    ],
)
def test_a_mistake_has_the_line_in_which_it_stands(old: str, new: str, line_with: str, sentence: str) -> None:
    text = TEXT.replace(old, new, 1)
    (mistake, *_) = mistakes(text)
    assert line_with in text.splitlines()[mistake.line - 1]
    assert sentence in str(mistake)
    remarked = single.with_remarks(text, [mistake], "")
    rows = remarked.splitlines()
    at = next(place for place, row in enumerate(rows) if row.startswith("#! ") and mistake.sentence in row)
    assert line_with in rows[at + 1]
    assert single.without_remarks(remarked) == text


def test_cross_checks_have_their_line_too() -> None:
    row = next(line for line in TEXT.splitlines() if line.startswith("    {"))
    text = TEXT.replace(row, row.replace("lower = 3000", "lower = 20").replace("upper = 4000", "upper = 10"))
    (mistake,) = mistakes(text)
    assert mistake.field == "lower"
    assert "lower = 20" in text.splitlines()[mistake.line - 1]


def test_names_without_a_profile_are_a_mistake_and_weights_are_none() -> None:
    plain = TEXT.replace("weight = ", "weight = 1", 1)
    assert len(read(plain, profile=False)) == 1
    (mistake,) = mistakes(TEXT.replace('name = "shop"', 'name = "store"'), profile=False)
    assert "kept in a profile" in mistake.sentence


def test_bytes_that_are_no_utf_8_are_a_mistake_of_their_line() -> None:
    text = TEXT + b'note = "\xff"\n'.decode("utf-8", "surrogateescape")
    (mistake,) = mistakes(text)
    assert mistake.line == len(text.splitlines())
    assert single.with_remarks(text, [mistake], "").encode("utf-8", "surrogateescape")


def test_two_services_or_none_are_refused() -> None:
    assert "no more and no less" in str(mistakes(TEXT + "\n" + single.dump(pool_of("cache")))[0])
    assert "no more and no less" in str(mistakes("# nothing\n")[0])
