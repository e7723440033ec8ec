"""Exports and imports of courses in requests and answers."""

from uuid import UUID

from msgspec import Struct

from kernel.routing import Body


class ImportRequest(Body, frozen=True):
    """An archive that was uploaded for the purpose `archive`."""

    file_id: UUID


class WorkStarted(Struct, frozen=True):
    """It is being done: `GET /tasks/{task_id}` tells how far it is."""

    task_id: UUID
