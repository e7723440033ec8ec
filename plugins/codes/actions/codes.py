"""Make codes and change them, for those who hand them out.

What a code looks like and which terms fit together is decided in `rules`; redeeming stands in `redemptions`.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import UNSET, Struct, structs
from sqlalchemy import ARRAY, Executable, LargeBinary, Text, Uuid, bindparam, column, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from kernel import clock
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import FieldError
from kernel.events import publish
from kernel.ids import new_id
from kernel.keys import Keyring
from kernel.tables import normalised
from plugins.codes import rules
from plugins.codes.errors import CodeForgotten, TermsInvalid, UsesAlreadyTaken
from plugins.codes.events import CodesGenerated
from plugins.codes.permissions import GENERATE, UPDATE
from plugins.codes.queries import cards
from plugins.codes.queries.filters import lookup_text
from plugins.codes.queries.on_pages import course_for_codes
from plugins.codes.schemas import CodeCard, CodeDetails, CodeKind, GeneratedBatch, GenerateRequest, UpdateRequest
from plugins.codes.tables import AccessCode, CodeBatch
from plugins.courses import api as courses

_BATCH = ("id", "kind", "course_id", "video_id", "instructor_id", "label", "count", "missing", "created_by")
_INSERT_BATCH = insert(CodeBatch).values({name: bindparam(name) for name in _BATCH}).returning(CodeBatch.created_at)
_SEALED = (
    func.unnest(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("lookups", type_=ARRAY(LargeBinary)),
        bindparam("displays", type_=ARRAY(Text)),
    )
    .table_valued(column("id", Uuid), column("code_lookup", LargeBinary), column("code_display", Text), name="sealed")
    .render_derived()
)
# The same for every code of a batch, so sent once.
TERMS = tuple(
    AccessCode.__table__.c[name]
    for name in (
        "batch_id",
        "lookup_kid",
        "kind",
        "course_id",
        "video_id",
        "instructor_id",
        "type",
        "max_uses",
        "expires_at",
        "access_days",
        "label",
        "allowed_emails",
        "allowed_domains",
        "created_by",
    )
)
_INSERT_CODES = (
    upsert(AccessCode)
    .from_select(
        [*_SEALED.c.keys(), *(each.name for each in TERMS)],
        select(*_SEALED.c, *(bindparam(each.name, type_=each.type).label(each.name) for each in TERMS)),
        include_defaults=False,
    )
    .on_conflict_do_nothing(index_elements=["tenant_id", "code_lookup"])
    .returning(AccessCode.id)
)


class Sealed(NamedTuple):
    """A new code and what is stored of it."""

    id: UUID
    code: str
    lookup: bytes
    display: str


class Target(Struct, frozen=True):
    """What codes open, and whose course it is."""

    kind: CodeKind
    course_id: UUID
    video_id: UUID | None
    instructor_id: UUID


async def generate(db: Db, actor: Actor, order: GenerateRequest) -> GeneratedBatch:
    """Make a batch of codes.

    Needs: codes.access_code.generate
    Emits: codes.access_code.generated

    Raises:
        TermsInvalid: The terms do not fit together.
        CourseNotFound: There is no such course, or the actor may not make codes for it.
        VideoNotFound: There is no such video, or the actor may not make codes for it.
    """
    terms, created_at = await begin_batch(db, actor, order, missing=0)
    made = await insert_codes(db, order.count, terms)
    await tell_generated(db, terms, order.count)
    return GeneratedBatch(terms["batch_id"], [_card(each, terms, created_at) for each in made])


async def begin_batch(
    db: Db, actor: Actor, order: GenerateRequest, *, missing: int
) -> tuple[Mapping[str, Any], datetime]:
    """Store a batch without codes; return what all its codes have in common, and when it was made.

    Needs: codes.access_code.generate

    Args:
        db: The transaction.
        actor: Who makes them.
        order: How many of which kind.
        missing: So many of them a task will make.

    Raises:
        TermsInvalid: The terms do not fit together.
        CourseNotFound: There is no such course, or the actor may not make codes for it.
        VideoNotFound: There is no such video, or the actor may not make codes for it.
    """
    rules.check_expiry(order.expires_at, clock.now())
    max_uses = rules.most_uses(order.type, order.max_uses)
    target = await _target(db, actor, order)
    batch_id = new_id()
    created_at = await db.value(
        _INSERT_BATCH,
        id=batch_id,
        **structs.asdict(target),
        label=order.label,
        count=order.count,
        missing=missing,
        created_by=actor.user_id,
    )
    terms = {
        **structs.asdict(target),
        "batch_id": batch_id,
        "lookup_kid": db.deployment.keyring.newest_kid,
        "type": order.type,
        "max_uses": max_uses,
        "expires_at": order.expires_at,
        "access_days": order.access_days,
        "label": order.label,
        "allowed_emails": [normalised(each) for each in order.allowed_emails],
        "allowed_domains": [normalised(each) for each in order.allowed_domains],
        "created_by": actor.user_id,
    }
    return terms, created_at


async def tell_generated(db: Db, terms: Mapping[str, Any], count: int) -> None:
    """Tell that the codes of a batch are there.

    Emits: codes.access_code.generated
    """
    made = CodesGenerated(
        batch_id=terms["batch_id"], course_id=terms["course_id"], video_id=terms["video_id"], count=count
    )
    await publish(db, made)


async def _target(db: Db, actor: Actor, order: GenerateRequest) -> Target:
    owner = actor.limited_to(GENERATE)
    if order.video_id is not None and order.course_id is None:
        video = await courses.video_ref(db, order.video_id)
        if owner not in (None, video.instructor_id):
            raise courses.VideoNotFound
        return Target("video", video.course_id, video.id, video.instructor_id)
    if order.course_id is not None and order.video_id is None:
        course = await course_for_codes(db, actor, order.course_id)
        return Target("course", course.id, None, course.instructor_id)
    raise TermsInvalid(errors=[FieldError("course_id", "Give either course_id or video_id.")])


async def insert_codes(db: Db, count: int, terms: Mapping[str, Any]) -> list[Sealed]:
    """Store so many new codes; one that another row has already is made anew."""
    made: list[Sealed] = []
    while missing := count - len(made):
        # Ten thousand take half a second of a core, so not in the event loop.
        fresh = await asyncio.to_thread(_seal, db.deployment.keyring, db.tenant_id, missing)
        stored = await db.values(
            _INSERT_CODES,
            ids=[each.id for each in fresh],
            lookups=[each.lookup for each in fresh],
            displays=[each.display for each in fresh],
            **terms,
        )
        kept = set(stored)
        made += [each for each in fresh if each.id in kept]
    return made


def _seal(keyring: Keyring, tenant_id: UUID, count: int) -> list[Sealed]:
    sealed = []
    for _ in range(count):
        code_id, code = new_id(), rules.new_code()
        _, lookup = keyring.mac("code-lookup", lookup_text(tenant_id, code))
        display = keyring.encrypt("code-display", code.encode(), cards.display_context(tenant_id, code_id))
        sealed.append(Sealed(code_id, code, lookup, display))
    return sealed


def _card(sealed: Sealed, terms: Mapping[str, Any], created_at: datetime) -> CodeCard:
    return CodeCard(
        id=sealed.id,
        code=rules.display(sealed.code),
        kind=terms["kind"],
        course_id=terms["course_id"],
        video_id=terms["video_id"],
        type=terms["type"],
        max_uses=terms["max_uses"],
        current_uses=0,
        expires_at=terms["expires_at"],
        access_days=terms["access_days"],
        is_active=True,
        paused_until=None,
        state="unused",
        label=terms["label"],
        batch_id=terms["batch_id"],
        created_by=terms["created_by"],
        created_at=created_at,
    )


@cache
def _update(columns: tuple[str, ...], is_limited: bool) -> Executable:
    """Return the statement that changes these columns of one code, and no code that it would make contradict itself."""
    table = AccessCode.__table__.c
    statement = (
        update(AccessCode)
        .where(AccessCode.id == bindparam("code_id"))
        .values({name: bindparam(f"new_{name}", type_=table[name].type) for name in columns})
    )
    if is_limited:
        statement = statement.where(AccessCode.instructor_id == bindparam("owner"))
    if "expires_at" in columns:
        statement = statement.where(AccessCode.code_lookup.is_not(None))
    if "max_uses" in columns:
        statement = statement.where(
            AccessCode.type == "multi_use", AccessCode.current_uses <= bindparam("new_max_uses")
        )
    return statement.returning(*cards.DETAILS)


async def update_code(db: Db, actor: Actor, code_id: UUID, change: UpdateRequest) -> CodeDetails:
    """Change a code.

    Needs: codes.access_code.update

    Raises:
        CodeNotFound: There is no such code, or the actor may not change it.
        TermsInvalid: The new expiry has passed, or codes of this type take no maximum.
        CodeForgotten: It would be open again, but nobody knows its text any more.
        UsesAlreadyTaken: The new maximum is below the uses that are taken.
    """
    changes = {name: value for name, value in structs.asdict(change).items() if value is not UNSET}
    if not changes:
        return await cards.access_code(db, actor, code_id, UPDATE)
    if change.expires_at is not UNSET:
        rules.check_expiry(change.expires_at, clock.now())
    if change.paused_until is None:
        # Otherwise the next stranger would pause it again.
        changes["failures_from"] = clock.now()
    owner = actor.limited_to(UPDATE)
    statement = _update(tuple(changes), owner is not None)
    parameters = {f"new_{name}": value for name, value in changes.items()} | ({"owner": owner} if owner else {})
    changed = await db.row(CodeDetails, statement, code_id=code_id, now=clock.now(), **parameters)
    if changed is None:
        present = await cards.access_code(db, actor, code_id, UPDATE)
        if "expires_at" in changes and present.code is None:
            raise CodeForgotten
        rules.check_takes_maximum(present.type)
        raise UsesAlreadyTaken
    return cards.readable(db, changed)
