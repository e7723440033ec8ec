"""The pages of files: one's own, and somebody else's for who may see it; each plugin draws its own part."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from kernel.auth import Actor
from kernel.db import Db
from plugins.auth.permissions import READ_FILE, UPDATE_FILE
from plugins.auth.queries.files import user_file

SLOT = "user_file.sections"
Shown = tuple[str, Mapping[str, Any]]


async def own_file(db: Db, actor: Actor) -> Shown:
    """Show what the school knows of oneself."""
    file = await user_file(db, actor, actor.id)
    return "auth/file.html", {"file": file, "subject": file, "is_own": True, "may_update": False, "may_assign": False}


async def file_of(db: Db, actor: Actor, user_id: UUID) -> Shown:
    """Show somebody's file to who looks after them."""
    file = await user_file(db, actor, user_id)
    may_update = file.student is not None and actor.may(UPDATE_FILE) and actor.id != user_id
    values = {
        "file": file,
        "subject": file,
        "is_own": actor.id == user_id,
        "may_update": may_update,
        "may_assign": may_update and actor.scope(UPDATE_FILE) == "any",
    }
    return "auth/file.html", values


PAGES: Sequence[Mapping[str, Any]] = (
    {"path": "/my/file", "handler": own_file, "access": READ_FILE, "slots": (SLOT,)},
    {"path": "/users/{user_id:uuid}/file", "handler": file_of, "access": READ_FILE, "slots": (SLOT,)},
)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "auth.file", "area": "account", "label": "My file", "icon": "file", "path": "/my/file", "order": 5,
        "access": READ_FILE, "scope": "own",
    },
)  # fmt: skip
