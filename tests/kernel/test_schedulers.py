"""Which schedulers a kernel has, according to its lists of modules."""

from pathlib import Path

import pytest

from lvstui.kernel.live import find_schedulers

PROC_MODULES = """\
ip_vs_rr 12288 1 - Live 0x0000000000000000
ip_vs_ftp 16384 0 - Live 0x0000000000000000
ip_vs 167936 5 ip_vs_rr, Live 0x0000000000000000
"""
DEP = """\
kernel/net/netfilter/ipvs/ip_vs.ko: kernel/net/netfilter/nf_conntrack.ko
kernel/net/netfilter/ipvs/ip_vs_mh.ko.xz: kernel/net/netfilter/ipvs/ip_vs.ko.xz
kernel/net/netfilter/ipvs/ip_vs_pe_sip.ko: kernel/net/netfilter/ipvs/ip_vs.ko
kernel/net/netfilter/xt_ipvs.ko: kernel/net/netfilter/ipvs/ip_vs.ko
"""
BUILTIN = "kernel/net/netfilter/ipvs/ip_vs_wlc.ko\n"


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    folder = tmp_path / "6.1.0"
    folder.mkdir()
    (folder / "modules.dep").write_text(DEP)
    (folder / "modules.builtin").write_text(BUILTIN)
    return tmp_path


def test_loaded_installed_and_built_in_schedulers_are_named_and_nothing_else(modules: Path) -> None:
    loaded = modules / "loaded"
    loaded.write_text(PROC_MODULES)
    assert find_schedulers(loaded, modules, "6.1.0") == ("mh", "rr", "wlc")


def test_where_nothing_can_be_found_out_all_of_linux_are_named(tmp_path: Path) -> None:
    found = find_schedulers(tmp_path / "loaded", tmp_path, "6.1.0")
    assert {"rr", "wlc", "sh", "twos"} <= set(found)
    assert "none" not in found


@pytest.mark.kernel
def test_this_kernel_has_the_common_ones() -> None:
    assert {"rr", "wlc", "sh", "mh"} <= set(find_schedulers())
