"""The files of other programs that are imported, and what they include."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from lvstui.core.fields import FieldError, quote, visible
from lvstui.core.mistake import STDIN
from lvstui.formats.foreign.draft import Imported
from lvstui.formats.foreign.keepalived_text import Included
from lvstui.formats.foreign.read import read
from lvstui.formats.foreign.recognise import Form, recognise
from lvstui.formats.profile.flaws import ProfileError
from lvstui.host.names import HostNames
from lvstui.host.rights import OTHER_USER, raised
from lvstui.store.files import explain_errors, read_file
from lvstui.store.named_files import read_handed

_FOUND_MAX: Final = 50_000
"""Files that one pattern may find."""


class Foreign(NamedTuple):
    """A file of another program: which one's it is, and what it says."""

    form: Form
    imported: Imported


def load_foreign(path: Path, remedy: str, form: Form | None = None, identity: str | None = None) -> Foreign:
    """Read a file of a form, by itself of the one that it shows; `identity` is for keepalived's conditions.

    Raises `ProfileError` where it cannot be read, or, with a remedy, where nothing shows whose file it is.
    """
    text = read_foreign(path)
    form = form or recognise(text)
    if form is None:
        raise ProfileError(f"{visible(str(path))}: nothing in it shows whose file it is; {remedy}")
    return Foreign(form, read(form, text, str(path), HostNames(), find_included, identity))


def read_foreign(path: Path) -> str:
    """Read a file that has to be there, or comes through a pipe; raise `ProfileError` where it cannot be read.

    Bytes that are not UTF-8 stay what they are (surrogates): old files have them in comments.
    """
    content = read_handed(path)
    if content is None:
        with explain_errors(path, "read"), raised(*OTHER_USER):
            content, _ = read_file(path)
    return content.decode("utf-8-sig", "surrogateescape")


def find_included(by: str, pattern: str) -> list[Included]:
    """Return the files that a pattern finds, by their names; a relative one starts from the folder of the file `by`.

    Raises `FieldError` where one cannot be read, or the pattern is one that only a shell understands.
    """
    if any(sign in pattern for sign in ("**", "{", "~", "$")):
        raise FieldError("include", f"{quote(pattern)} is a pattern that lvstui cannot follow; name the files")
    path = Path(pattern)
    if not path.is_absolute():
        if by == STDIN:
            raise FieldError("include", f"{quote(pattern)} needs a folder, which a pipe has not; name the file itself")
        path = Path(by).parent / pattern
    folder = Path(path.anchor or ".")
    found = sorted(islice(folder.glob(str(path.relative_to(path.anchor))), _FOUND_MAX + 1))
    if len(found) > _FOUND_MAX:
        raise FieldError("include", f"{quote(pattern)} finds more than {_FOUND_MAX:,} files; import them in parts")
    try:
        return [Included(str(name), read_foreign(name)) for name in found]
    except ProfileError as error:
        raise FieldError("include", visible(str(error))) from None
