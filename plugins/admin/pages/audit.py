"""The page of the audit log: what happened, filtered, with old and new values beside each other."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from litestar.params import FromQuery, QueryParameter

from kernel.audit import AuditFilter
from kernel.auth import Actor
from kernel.db import Db
from plugins.admin.permissions import READ_AUDIT_LOG
from plugins.admin.queries.audit_logs import audit_page
from plugins.admin.schemas import AuditEntry
from plugins.auth import api as auth

_ROWS = 50
Shown = tuple[str, Mapping[str, Any]]
Text = Annotated[str, QueryParameter(max_length=200)]
RequestId = Annotated[str, QueryParameter(name="request", max_length=200)]
Since = Annotated[str, QueryParameter(name="from", max_length=10)]
Until = Annotated[str, QueryParameter(name="to", max_length=10)]


async def entries(
    db: Db,
    actor: Actor,
    user: FromQuery[UUID | None] = None,
    action: Text = "",
    entity: Text = "",
    entity_id: FromQuery[UUID | None] = None,
    request_id: RequestId = "",
    since: Since = "",
    until: Until = "",
    before: FromQuery[UUID | None] = None,
) -> Shown:
    """Show the latest entries, or those before one; days are those of the reader's zone."""
    zone = ZoneInfo((await auth.viewer(db, actor.id)).timezone) if since or until else None
    wanted = AuditFilter(
        user_id=user,
        action=action.strip() or None,
        entity_type=entity.strip() or None,
        entity_id=entity_id,
        request_id=request_id.strip() or None,
        since=_beginning(since, zone),
        until=_beginning(until, zone, days=1),
    )
    page = await audit_page(db, wanted, before=before, limit=_ROWS)
    given = {
        "user": str(user or ""), "action": action, "entity": entity, "entity_id": str(entity_id or ""),
        "request": request_id, "from": since, "to": until,
    }  # fmt: skip
    chosen = {name: value for name, value in given.items() if value}
    who = (await auth.users_by_id(db, {user})).get(user) if user else None
    values = {
        "page": page,
        "given": given,
        "who": who,
        "before": before,
        "query": urlencode(chosen),
        "export_query": urlencode(_exported(chosen, wanted)),
        "changes": changes,
    }
    return "admin/audit.html", values


def _exported(chosen: Mapping[str, str], wanted: AuditFilter) -> dict[str, str]:
    """Return the same filters for the API, to which a day is a moment."""
    moments = {"from": wanted.since, "to": wanted.until}
    told = {name: moment.isoformat() for name, moment in moments.items() if moment is not None}
    return {**{name: value for name, value in chosen.items() if name not in moments}, **told}


def _beginning(day: str, zone: ZoneInfo | None, *, days: int = 0) -> datetime | None:
    """Return the first moment of a day, or of one after it; None for what is no day."""
    try:
        found = date.fromisoformat(day) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(found, time(), tzinfo=zone)


def changes(entry: AuditEntry) -> list[tuple[str, str | None, str | None]]:
    """Return each field of an entry with its old and its new value, as far as they differ."""
    old, new = entry.old_values or {}, entry.new_values or {}
    names = [name for name in {**old, **new} if name not in old or name not in new or old[name] != new[name]]
    return [(name, _text(old, name), _text(new, name)) for name in names]


def _text(values: Mapping[str, Any], name: str) -> str | None:
    if name not in values:
        return None
    value = values[name]
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


PAGES: Sequence[Mapping[str, Any]] = ({"path": "/admin/audit", "handler": entries, "access": READ_AUDIT_LOG},)
NAVIGATION: Sequence[Mapping[str, Any]] = (
    {
        "id": "admin.audit", "area": "admin", "group": "System", "label": "Audit log", "icon": "history",
        "path": "/admin/audit", "order": 540, "access": READ_AUDIT_LOG,
    },
)  # fmt: skip
