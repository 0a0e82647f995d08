"""A file of each program, from which damaged ones are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from lvstui.formats.foreign.recognise import Form
from tests.formats.foreign import test_ipvsadm_lines, test_keepalived, test_ldirectord, test_lvs_cf

SEEDS_OF: Final[Mapping[Form, Sequence[str]]] = {
    Form.IPVSADM: (test_ipvsadm_lines.SAVED,),
    Form.KEEPALIVED: (test_keepalived.SAMPLE, test_keepalived.GROUP, test_keepalived.EXPANDED),
    Form.LDIRECTORD: (test_ldirectord.SAMPLE,),
    Form.LVS_CF: (test_lvs_cf.SAMPLE,),
}
