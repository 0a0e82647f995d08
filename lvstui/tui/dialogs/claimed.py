"""The warning before the first edit of services that another program manages."""

from __future__ import annotations

from collections.abc import Mapping

from lvstui.core.fields import service_text
from lvstui.core.model import ServiceKey
from lvstui.core.owners import Owner
from lvstui.tui.dialogs.confirm import Confirm


def dialog(claims: Mapping[ServiceKey, Owner]) -> Confirm:
    """Make the dialog; it answers True to edit all the same."""
    lines = [f"{owner.program} manages {service_text(key)}" for key, owner in claims.items()]
    programs = ", ".join(dict.fromkeys(owner.program for owner in claims.values()))
    lines += ["", "It may overwrite this at its next check or reload; its own configuration is the place for it."]
    return Confirm(f"Edit what {programs} manages?", lines, "Edit anyway")
