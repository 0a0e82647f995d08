"""What a person wrote into a profile stays, whatever changes around it, and what is written is what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lvstui.core.fields import service_text
from lvstui.core.model import Director, Endpoint, Persistence, Pool, RealServer, ServiceKey
from lvstui.formats.profile.keep import Kept, rewrite
from lvstui.formats.profile.write import dumps, loads
from tests.build import SHOP, address_key, endpoint, group, pool, server
from tests.core.strategies import directors, laws

TEXT = """\
# our director; ask Bob
format = 1   # the only one

[sysctl]
# nobody knows why
"conntrack" = 0x1   # since 2019

# ---- web

# the shop, careful
[[service]]
service = 'TCP:192.0.2.10:443'   # shop.example
name = "shop"
persistence.timeout = 60  # short
server = [ # both in rack 3
    { name = 'web1', server = "10.0.0.11:443", weight = +3, forwarding = "masq" }, # old

    # in the cellar
    {server = "10.0.0.12:443",  weight=2, forwarding="masq"}  # new
    # that is all
]

# ---- mail

# never touch
[[service]]
service = "tcp:192.0.2.25:25"
    # the first
    [[service.server]]
    server = "10.0.0.25:25"   # postfix
    # the second
    [[service.server]]
    server = "10.0.0.26:25"
    # is slow
    weight = 1

# ---- marks
[[mark]]
mark = 80
match = [
    "tcp 192.0.2.10 80", # http
    # and the other
    "tcp 192.0.2.10 443", # https
]
# the end
"""
MAIL = address_key("tcp:192.0.2.25:25")
WEB1, WEB2 = endpoint("10.0.0.11:443"), endpoint("10.0.0.12:443")


def changed(text: str, director: Director) -> str:
    kept = rewrite(text, loads(text, "p"), director)
    assert not kept.lost
    assert loads(kept.text, "p") == director == kept.director
    return kept.text


def with_pool(director: Director, *pools: Pool) -> Director:
    return replace(director, pools={**director.pools, **{one.service.key: one for one in pools}})


def with_server(director: Director, key: ServiceKey, *servers: RealServer) -> Director:
    there = director.pools[key]
    return with_pool(director, replace(there, servers={**there.servers, **{one.endpoint: one for one in servers}}))


def without_server(director: Director, key: ServiceKey, *gone: Endpoint) -> Director:
    there = director.pools[key]
    return with_pool(director, replace(there, servers={e: s for e, s in there.servers.items() if e not in gone}))


def without_pool(director: Director, key: ServiceKey) -> Director:
    return replace(director, pools={one: pool for one, pool in director.pools.items() if one != key})


def difference(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that are gone, and those that are new; the others stand in their order."""
    from difflib import ndiff

    lines = list(ndiff(before.split("\n"), after.split("\n")))
    return [line[2:] for line in lines if line[0] == "-"], [line[2:] for line in lines if line[0] == "+"]


@pytest.fixture
def read() -> Director:
    return loads(TEXT, "p")


def test_a_weight_is_changed_in_its_row_alone(read: Director) -> None:
    web1 = read.pools[SHOP].servers[WEB1]
    text = changed(TEXT, with_server(read, SHOP, replace(web1, weight=5)))
    assert text == TEXT.replace("weight = +3", "weight = 5")


def test_a_key_that_is_new_in_a_row_stands_at_its_usual_place_in_it(read: Director) -> None:
    web2 = read.pools[SHOP].servers[WEB2]
    text = changed(TEXT, with_server(read, SHOP, replace(web2, weight=0, resume=2, name="web2")))
    row = '{ name = "web2", server = "10.0.0.12:443", weight=0, forwarding="masq", resume = 2 }'
    assert text == TEXT.replace('{server = "10.0.0.12:443",  weight=2, forwarding="masq"}', row)


def test_a_new_server_gets_a_row_behind_the_one_before_it(read: Director) -> None:
    text = changed(TEXT, with_server(read, SHOP, server("10.0.0.13:443")))
    gone, new = difference(TEXT, text)
    assert new[-1] == '    { server = "10.0.0.13:443" },'
    assert [line.replace("}  #", "},  #") for line in gone] == new[:-1]
    text = changed(TEXT, with_server(read, MAIL, server("10.0.0.27:25")))
    assert difference(TEXT, text) == ([], ["[[service.server]]", 'server = "10.0.0.27:25"', ""])


def test_a_deleted_server_takes_along_the_comments_directly_above_it_and_behind_it(read: Director) -> None:
    gone, new = difference(TEXT, changed(TEXT, without_server(read, SHOP, WEB2)))
    assert (gone, new) == (
        ["", "    # in the cellar", '    {server = "10.0.0.12:443",  weight=2, forwarding="masq"}  # new'],
        [],
    )
    gone, new = difference(TEXT, changed(TEXT, without_server(read, MAIL, endpoint("10.0.0.25:25"))))
    assert (gone, new) == (["    # the first", "    [[service.server]]", '    server = "10.0.0.25:25"   # postfix'], [])
    text = changed(TEXT, without_server(read, SHOP, WEB1, WEB2))
    assert "# both in rack 3" in text
    assert "# that is all" in text


def test_a_deleted_service_takes_along_what_is_directly_above_it_but_not_the_title_of_its_part(read: Director) -> None:
    text = changed(TEXT, without_pool(read, SHOP))
    start, end = TEXT.index("# the shop, careful"), TEXT.index("# ---- mail")
    assert text == TEXT[:start] + TEXT[end:]


def test_a_new_service_is_appended_where_it_belongs_and_nothing_else_moves(read: Director) -> None:
    text = changed(TEXT, with_pool(read, pool("tcp:192.0.2.26:25", "10.0.0.25:25")))
    gone, new = difference(TEXT, text)
    assert gone == []
    assert text.index("is slow") < text.index("tcp:192.0.2.26:25") < text.index("# ---- marks")
    assert "[[service]]" in new


def test_keys_are_changed_taken_out_and_put_in_with_the_comments_around_them_left(read: Director) -> None:
    shop = read.pools[SHOP]
    text = changed(TEXT, with_pool(read, replace(shop, service=replace(shop.service, scheduler="rr", name=""))))
    assert difference(TEXT, text) == (['name = "shop"'], ['scheduler = "rr"'])
    text = changed(TEXT, with_pool(read, replace(shop, service=replace(shop.service, persistence=None))))
    assert difference(TEXT, text) == (["persistence.timeout = 60  # short"], ["# short"])
    persistence = Persistence(61, shop.service.persistence.mask if shop.service.persistence else 0, "sip")
    text = changed(TEXT, with_pool(read, replace(shop, service=replace(shop.service, persistence=persistence))))
    assert difference(TEXT, text) == (
        ["persistence.timeout = 60  # short"],
        ["persistence.timeout = 61  # short", 'persistence.engine = "sip"'],
    )
    slow = read.pools[MAIL].servers[endpoint("10.0.0.26:25")]
    text = changed(TEXT, with_server(read, MAIL, replace(slow, weight=7)))
    assert difference(TEXT, text) == (["    weight = 1"], ["    weight = 7"])
    text = changed(text, with_server(read, MAIL, slow))
    assert "    # is slow\n" in text


def test_settings_and_names_of_the_director_are_changed_in_their_tables(read: Director) -> None:
    text = changed(TEXT, replace(read, sysctl={"conntrack": "0", "cache_bypass": "1"}, name="lb1"))
    assert difference(TEXT, text) == (
        ['"conntrack" = 0x1   # since 2019'],
        ["[director]", 'name = "lb1"', "", "cache_bypass = 1", '"conntrack" = 0   # since 2019'],
    )
    assert "# nobody knows why" in changed(TEXT, replace(read, sysctl={"cache_bypass": "1"}))
    assert "# since 2019" not in changed(TEXT, replace(read, sysctl={}))


def test_what_a_mark_matches_is_changed_in_its_lines(read: Director) -> None:
    more = group(80, "tcp 192.0.2.10 80", "tcp 192.0.2.10 443", "udp 192.0.2.10 443")
    text = changed(TEXT, replace(read, marks={80: more}))
    assert difference(TEXT, text) == ([], ['    "udp 192.0.2.10 443",'])
    text = changed(TEXT, replace(read, marks={80: group(80, "tcp 192.0.2.10 443")}))
    assert difference(TEXT, text) == (['    "tcp 192.0.2.10 80", # http'], [])


@pytest.mark.parametrize(
    "text",
    [
        'format = 1 # c\nservice = [{ service = "tcp:192.0.2.10:443", server = [{ server = "10.0.0.11:443" }] }]',
        'format = 1 # c\nservice = [\n  { service = "tcp:192.0.2.10:443" }, # shop\n]\n',
        'format = 1 # c\nservice = []\ndirector = { name = "a" }\n',
        'format = 1 # c\nservice = []\ndirector.name = "a"\ntimeouts.tcp = 9\ntimeouts.tcp_fin = 8\ntimeouts.udp = 7\n',
        'format = 1 # c\n[[service]]\nservice = "tcp:192.0.2.10:443"\n[service.persistence]\ntimeout = 5 # c\n'
        '[director]\nname = "x"\n[[service.server]]\nserver = "10.0.0.11:443"\n[service.server.tunnel]\nport = 99\n',
        'format = 1 # c\n[[service]]\nnote = """\n[[service]] # not one\n"""\nservice = "tcp:192.0.2.10:443"\n'
        "server = [{ server = \"10.0.0.11:443\", name = '# no comment ], }' },\n\n  # two\n"
        ' { server = "10.0.0.12:443" }\n'
        ', { server = "10.0.0.13:443" } ]\n',
        "format = 1 # c\nsync = [] # none\n[sysctl]\n",
        'format = 1 # c\n[[sync]]\nrole = "master" # m\ninterface = "eth0"\n# b\n'
        '[[sync]]\nrole = "backup"\ninterface = "eth1"\n',
        TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\r\n", 7),
        TEXT.replace("#", "# \u2028 \x85 \U0001f680 \u202e"),
    ],
)
def test_whatever_is_written_into_a_text_of_a_person_reads_as_it_was_meant(text: str) -> None:
    before = loads(text, "p")

    @settings(laws, max_examples=15)
    @given(directors())
    def try_one(director: Director) -> None:
        kept = rewrite(text, before, director)
        assert loads(kept.text, "p") == director == kept.director
        back = rewrite(kept.text, kept.director, before)
        assert loads(back.text, "p") == before

    try_one()


WORDS = st.text(st.characters(blacklist_categories=("Cc", "Cs")))


@settings(laws, max_examples=60)
@given(directors(), directors(), st.lists(st.tuples(st.integers(1, 50), WORDS), min_size=1), st.booleans())
def test_comments_at_any_place_of_any_file_are_only_text_and_those_of_a_service_that_stays_are_there(
    before: Director, director: Director, comments: Sequence[tuple[int, str]], crlf: bool
) -> None:
    lines = dumps(before).split("\n")
    for at, comment in comments:
        lines.insert(at, f"# {comment}")
    for key in before.pools:
        at = next(index for index, line in enumerate(lines) if line == f'service = "{service_text(key)}"')
        lines[at:at] = ["", f"# about {key}"]
    text = ("\r\n" if crlf else "\n").join(lines)
    kept = rewrite(text, loads(text, "p"), director)
    assert loads(kept.text, "p") == director == kept.director
    assert not kept.lost
    assert all((f"# about {key}" in kept.text) for key in before.pools if key in director.pools)
    assert kept.text.count("\r") == (kept.text.count("\n") if crlf else 0)


def test_a_profile_in_the_canonical_form_stays_in_it(read: Director) -> None:
    text = dumps(read)
    fewer = without_pool(read, SHOP)
    assert rewrite(text, loads(text, "p"), fewer) == Kept(dumps(fewer), fewer, plain=True)


def test_where_a_text_is_too_strange_it_is_written_anew_and_the_loss_is_said(read: Director) -> None:
    text = TEXT.replace("[sysctl]", "sync = [\n# master\n{ role = 'master', interface = 'eth0' } ]\n[sysctl]")
    both = loads(text, "p")
    assert rewrite(text, both, read) == Kept(dumps(read), read, plain=True, lost=True)
