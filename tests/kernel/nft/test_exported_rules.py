"""The rules that export writes beside files for other programs, loaded by nft and by a shell, each on its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lvstui.core.model import Director, MarkGroup
from lvstui.core.selectors import selector
from lvstui.formats.foreign.recognise import Form
from lvstui.formats.foreign.write import write
from tests.formats.foreign import exported
from tests.kernel.nft.alone import alone, needs_nft, output

pytestmark = needs_nft

SEEDS = range(8)


def _texts(form: Form) -> list[str]:
    """Return the rules of some directors, and of one with every kind of selector."""
    texts = ("tcp 192.0.2.10 80,443", "udp 2001:db8::/32 53", "any in eth0", "sctp any 99", "ip47 192.0.2.47")
    group = MarkGroup(2**32 - 1, tuple(map(selector, texts)), 'a "name" $(id) `id`\n')
    directors = [exported.director(seed) for seed in SEEDS]
    directors.append(Director(marks={group.mark: group}))
    return [found.rules.text for found in (write(form, one) for one in directors) if found.rules]


@alone
def _load_nft(texts: list[str]) -> None:
    for text in texts:
        for _ in range(2):
            output("nft", "-f", "-", text=text)
        rules = [line for line in output("nft", "list", "table", "inet", "lvstui").splitlines() if "mark set" in line]
        assert len(rules) == text.count("meta mark set")


@alone
def _load_iptables(texts: list[str], folder: Path) -> None:
    for text in texts:
        path = folder / "rules.iptables"
        path.write_text(text)
        for tool in ("iptables", "ip6tables"):
            output(tool, "-t", "mangle", "-F")
        output("sh", "-e", str(path))
        saved = output("iptables-save", "-t", "mangle") + output("ip6tables-save", "-t", "mangle")
        assert saved.count("-j MARK ") == text.count("-j MARK ")


def test_nft_loads_the_rules_beside_a_file_of_keepalived_again_and_again() -> None:
    _load_nft(_texts(Form.KEEPALIVED))


@pytest.mark.parametrize("form", [Form.LDIRECTORD, Form.LVS_CF])
def test_a_shell_runs_the_rules_beside_files_of_ldirectord_and_piranha(form: Form, tmp_path: Path) -> None:
    _load_iptables(_texts(form), tmp_path)
