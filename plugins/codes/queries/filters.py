"""Which codes are wanted, and what one word says of a code at this moment: the same for lists, documents and counts."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    LargeBinary,
    Text,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
)

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.tables import normalised
from plugins.codes import rules
from plugins.codes.permissions import VIEW
from plugins.codes.schemas import CodeState
from plugins.codes.tables import AccessCode


def _word(state: CodeState) -> ColumnElement[str]:
    return literal_column(f"'{state}'", Text)


_NOW = bindparam("now", type_=DateTime(timezone=True))
STATE = case(
    (~AccessCode.is_active, _word("inactive")),
    (AccessCode.current_uses >= AccessCode.max_uses, _word("exhausted")),
    (AccessCode.expires_at <= _NOW, _word("expired")),
    (AccessCode.paused_until > _NOW, _word("paused")),
    (AccessCode.current_uses > 0, _word("used")),
    else_=_word("unused"),
).label("state")
"""The one word that says most about a code; those that are `used` or `unused` can be redeemed. Needs `now`."""

_TEXT = bindparam("q", type_=Text)
_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "instructor_id": AccessCode.instructor_id == bindparam("instructor_id"),
    "course_id": AccessCode.course_id == bindparam("course_id"),
    "video_id": AccessCode.video_id == bindparam("video_id"),
    "batch_id": AccessCode.batch_id == bindparam("batch_id"),
    "is_active": AccessCode.is_active == bindparam("is_active"),
    "state": STATE.element == bindparam("state", type_=Text),
    "is_open": bindparam("is_open", type_=Boolean) == STATE.element.in_((_word("unused"), _word("used"))),
    "q": or_(
        func.strpos(func.lower(AccessCode.label), func.lower(_TEXT)) > 0,
        bindparam("email", type_=Text) == any_(AccessCode.allowed_emails),
        AccessCode.code_lookup == any_(bindparam("lookups", type_=ARRAY(LargeBinary))),
    ),
}


class CodeFilter(Struct, frozen=True, kw_only=True):
    """Which codes; what is None does not narrow."""

    course_id: UUID | None = None
    video_id: UUID | None = None
    batch_id: UUID | None = None
    is_active: bool | None = None
    state: CodeState | None = None
    is_open: bool | None = None
    """Whether it can be redeemed at this moment."""
    q: str | None = None
    """A part of the label, a whole code, or an address that the code is bound to."""

    def given(self) -> dict[str, Any]:
        """Return what narrows."""
        return {name: value for name, value in structs.asdict(self).items() if value is not None}


def conditions(names: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of the filters with these names."""
    return [_CONDITIONS[name] for name in names]


def narrowed(db: Db, actor: Actor, wanted: CodeFilter) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of the filters, with that to the actor's own codes if need be, and their parameters.

    Needs: codes.access_code.view
    """
    given = wanted.given()
    if (owner := actor.limited_to(VIEW)) is not None:
        given["instructor_id"] = owner
    names = tuple(given)
    if wanted.q is not None:
        code = rules.normalise(wanted.q)
        given["email"] = normalised(wanted.q)
        given["lookups"] = [] if code is None else lookups(db, code)
    if wanted.state is not None or wanted.is_open is not None:
        given["now"] = clock.now()
    return names, given


def lookups(db: Db, code: str) -> list[bytes]:
    """Return the hashes by which a code may be found: under every living key, as it may have been printed long ago."""
    return [mac for _, mac in db.deployment.keyring.macs("code-lookup", lookup_text(db.tenant_id, code))]


def lookup_text(tenant_id: UUID, code: str) -> bytes:
    """Return what is hashed to find a code, so that the same code of another tenant has another hash."""
    return tenant_id.bytes + code.encode()
