"""What other plugins contribute about files: which of them they use, and as what."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Select


class FileUse(Struct, frozen=True, kw_only=True, eq=False):
    """A way in which a plugin uses files: a file that is used is not deleted.

    Whoever puts a file to use takes it by `file_to_use`, so that nobody deletes it meanwhile, and had better point at
    it by a foreign key that restricts.

    Args:
        name: Dotted, `plugin.use`.
        title: What the file is there, for whoever may not delete it.
        files: Selects the ids of all files that are used so, in one column; nulls and repetitions do no harm. It is
            only ever run as a part of other statements, which ask for some files.
    """

    name: str
    title: str
    files: Select[Any]
