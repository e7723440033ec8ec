"""What a plugin that shows videos tells media: whether somebody may still watch one."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from msgspec import Struct

from kernel.auth import Actor
from kernel.db import Db


class VideoShow(Struct, frozen=True):
    """A place where videos are shown.

    Args:
        name: Dotted, with the plugin's name first.
        may_watch: Says whether the actor may watch a file there, now. It is asked each time a key is handed out.
    """

    name: str
    may_watch: Callable[[Db, Actor, UUID], Awaitable[bool]]
