"""What Linux 7.2 and later show of the connection table, and what is read of it."""

from __future__ import annotations

import os

import pytest

from lvstui.core.observed import TableStatus
from lvstui.kernel.live import Live
from lvstui.kernel.procfs.status import parse

BEFORE = """\
Conns:\t0
Conn buckets:\t0 (0 bits, lfactor 0)
Services:\t0
Service buckets:\t0 (0 bits, lfactor 0)
Stats thread slots:\t1 (max 0)
Stats chain max len:\t0
Stats thread ests:\t0
"""
FILLED = """\
Conns:\t6000
Conn buckets:\t4096 (12 bits, lfactor -4)
Conn buckets empty:\t956 (23%)
Conn buckets len-1:\t1358 (43%)
Conn buckets len-2:\t1036 (32%)
Conn buckets len-3:\t509 (16%)
Conn buckets len-4:\t167 (5%)
Conn buckets len-5:\t50 (1%)
Conn buckets len-6:\t16 (0%)
Conn buckets len-7:\t4 (0%)
Services:\t1
Service buckets:\t16 (4 bits, lfactor -3)
Service buckets empty:\t15 (93%)
Service buckets len-1:\t1 (100%)
Stats thread slots:\t1 (max 4)
Stats chain max len:\t2375
Stats thread ests:\t5700000
"""
"""As Linux 7.2.7 printed it."""


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (BEFORE, TableStatus(0, 0)),
        (FILLED, TableStatus(6000, 4096)),
        (FILLED.replace("Conns:", "Connections:"), None),
        (FILLED.replace("6000", "-1"), None),
        (FILLED.replace("6000", "9" * 5000), None),
        ("", None),
        ("\0\x1b[2J", None),
    ],
)
def test_rows_and_buckets_are_read_or_nothing(text: str, status: TableStatus | None) -> None:
    assert parse(text) == status


@pytest.mark.kernel
def test_the_kernels_own_count_is_shown_where_there_is_one(live: Live) -> None:
    table = live.read().table
    release = tuple(map(int, os.uname().release.split(".")[:2]))
    assert (table is not None) == (release >= (7, 2))
    if table:
        assert table.rows >= 0
