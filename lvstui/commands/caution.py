"""What a command refuses without --force: another director's profile, and deleting more than a part of what runs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Sequence

from lvstui.commands.place import Failure, Place, complain
from lvstui.core.change import Change
from lvstui.core.home import find_deletions, warn_of_deletions, whose
from lvstui.core.model import Director


def dangers(place: Place, name: str, profile: Director, running: Director, writes: Sequence[Change]) -> list[str]:
    """Return what speaks against applying the profile of that name, a sentence each; none where nothing is written."""
    if not writes:
        return []
    found = (whose(name, profile.home, place.here), warn_of_deletions(find_deletions(running, writes)))
    return list(filter(None, found))


def refuse_dangers(options: Namespace, sentences: Iterable[str]) -> None:
    """Raise `Failure` with these sentences; only warn of them with --force, and where nothing will be written."""
    found = [sentence for sentence in sentences if sentence]
    if options.dry_run or options.force:
        for sentence in found:
            complain(f"warning: {sentence}")
    elif found:
        raise Failure(f"{'; '.join(found)}; nothing was written: add --force where that is meant")
