"""The files that people have uploaded: a list, and their end."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page
from plugins.media.actions.removal import delete_file
from plugins.media.library import file_page
from plugins.media.permissions import DELETE_FILES, VIEW_FILES
from plugins.media.schemas import FileKind, FileSort, FilesWanted, ListedFile

Used = Annotated[bool | None, Parameter(description="Only those that something shows, or that nothing does.")]
Owner = Annotated[UUID | None, Parameter(description="Only this person's; for those who see all files.")]


@get("/files", guards=[requires(VIEW_FILES)], opt=reads_only(), operation_id="files_list")
async def list_files(
    db: Db,
    actor: Actor,
    kind: FileKind | None = None,
    is_used: Used = None,
    owner_id: Owner = None,
    sort: FileSort = "newest",
    limit: Limit = 20,
    offset: Offset = 0,
) -> Page[ListedFile]:
    """List the files that one has uploaded, or all, with what shows them."""
    wanted = FilesWanted(kind, is_used, owner_id)
    return await file_page(db, actor, wanted, sort=sort, limit=limit, offset=offset)


@delete("/files/{file_id:uuid}", guards=[requires(DELETE_FILES)], operation_id="files_delete")
async def remove_file(db: Db, actor: Actor, file_id: UUID) -> None:
    """Delete a file that nothing shows; 409 names what does."""
    await delete_file(db, actor, file_id)


HANDLERS: tuple[HTTPRouteHandler, ...] = (list_files, remove_file)
