"""The audit log: read by pages, exported as a whole."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from kernel.audit import AuditFilter
from kernel.auth import requires
from kernel.db import Db
from kernel.routing import Limit
from plugins.admin.actions.exports import export_audit_log
from plugins.admin.permissions import READ_AUDIT_LOG
from plugins.admin.queries.audit_logs import audit_page
from plugins.admin.schemas import AuditPage

Action = Annotated[str | None, QueryParameter(max_length=200, description="Such as courses.courses.updated.")]
Entity = Annotated[str | None, QueryParameter(max_length=200, description="A table, such as courses.courses.")]
RequestId = Annotated[str | None, QueryParameter(name="request", max_length=200, description="Of one request.")]
Since = Annotated[datetime | None, QueryParameter(name="from", description="From this moment on.")]
Until = Annotated[datetime | None, QueryParameter(name="to", description="Before this moment.")]
Before = Annotated[
    UUID | None, QueryParameter(description="Only entries before this one: the last page's next_before.")
]


@get("/audit-logs", guards=[requires(READ_AUDIT_LOG)], operation_id="audit_logs_list")
async def list_entries(
    db: Db,
    user: FromQuery[UUID | None] = None,
    action: Action = None,
    entity: Entity = None,
    entity_id: FromQuery[UUID | None] = None,
    request_id: RequestId = None,
    since: Since = None,
    until: Until = None,
    before: Before = None,
    limit: Limit = 50,
) -> AuditPage:
    """Return what happened, latest first."""
    wanted = AuditFilter(
        user_id=user,
        action=action,
        entity_type=entity,
        entity_id=entity_id,
        request_id=request_id,
        since=since,
        until=until,
    )
    return await audit_page(db, wanted, before=before, limit=limit)


@get(
    "/audit-logs/export",
    guards=[requires(READ_AUDIT_LOG)],
    media_type="text/csv",
    operation_id="audit_logs_export",
)
async def export_entries(
    db: Db,
    user: FromQuery[UUID | None] = None,
    action: Action = None,
    entity: Entity = None,
    entity_id: FromQuery[UUID | None] = None,
    request_id: RequestId = None,
    since: Since = None,
    until: Until = None,
) -> Stream:
    """Return all of it as CSV; that it was exported is recorded."""
    wanted = AuditFilter(
        user_id=user,
        action=action,
        entity_type=entity,
        entity_id=entity_id,
        request_id=request_id,
        since=since,
        until=until,
    )
    headers = {"Content-Disposition": 'attachment; filename="audit-log.csv"'}
    return Stream(await export_audit_log(db, wanted), media_type="text/csv", headers=headers)


ROUTES: tuple[HTTPRouteHandler, ...] = (list_entries, export_entries)
