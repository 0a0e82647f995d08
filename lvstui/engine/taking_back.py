"""Taking back what was written of an edit that is made altogether or not at all, as far as the kernel lets it."""

from __future__ import annotations

from collections.abc import Sequence

from lvstui.core.change import Change, changes_in_effect, changes_kernel, inverse, kernel_writes, undo
from lvstui.kernel.port import Kernel, KernelError


def taken_back(kernel: Kernel, done: Sequence[Change]) -> tuple[tuple[Change, ...], str]:
    """Take changes back, the last first; give those that hold all the same, and a sentence about what became of it.

    What only the profile knows was not written yet, and needs no taking back. It ends where the kernel refuses: what
    comes before leans on what could not be taken back.
    """
    back = undo(change for change in done if changes_kernel(change))
    writes = kernel_writes(back)
    written = 0
    try:
        for change in writes:
            kernel.write(change)
            written += 1
    except KernelError as error:
        returned = {inverse(change) for change in changes_in_effect(back, writes, written)}
        left = tuple(change for change in done if changes_kernel(change) and change not in returned)
        told = "1 change" if len(left) == 1 else f"{len(left)} changes"
        return left, f"of what was written before it, {told} could not be taken back: {error}"
    return (), "what was written before it has been taken back" if back else ""
