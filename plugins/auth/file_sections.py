"""What other plugins contribute to somebody's file: a part of it, read when somebody opens the file."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db


class FileSection(Struct, frozen=True, kw_only=True):
    """A part of the file of a student or instructor.

    Args:
        name: Dotted, `plugin.part`.
        title: Its heading.
        read: Returns what the actor, who may see the file, sees of the user's part: a Struct or a list of Structs; None
            leaves the part out.
        is_progress: Whether it tells how far somebody has come, and so stands in `GET /users/{id}/progress` too.
    """

    name: str
    title: str
    read: Callable[[Db, Actor, UUID], Awaitable[object]]
    is_progress: bool = False
