"""The HTTP routes of codes."""

from typing import Annotated
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter

from kernel.auth import Actor, requires
from kernel.db import Db
from kernel.idempotency import idempotent
from kernel.replicas import reads_only
from kernel.routing import Limit, Offset, Page, limited
from plugins.codes.actions import batches as batch_changes
from plugins.codes.actions import checks, codes, exports, large_batches, redemptions, showing
from plugins.codes.paper import PaperName
from plugins.codes.permissions import GENERATE, REDEEM, UPDATE, VIEW, VIEW_ATTEMPTS
from plugins.codes.queries import attempts, batches, cards, usage
from plugins.codes.queries.filters import CodeFilter
from plugins.codes.schemas import (
    AttemptCard,
    BatchCard,
    BatchDetails,
    BatchRedemption,
    BegunBatch,
    CodeCard,
    CodeCheck,
    CodeDetails,
    CodeState,
    CodeUsage,
    ExportFormat,
    GeneratedBatch,
    GenerateRequest,
    Redeemed,
    RedeemRequest,
    RedemptionCard,
    UpdateRequest,
)

Outcome = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=100, description="Such as codes.not_for_you, or codes.access_code.redeemed."
    ),
]

Search = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=254, description="A part of the label, a whole code, or a bound address."),
]
BatchSearch = Annotated[
    str | None, QueryParameter(min_length=1, max_length=200, description="A part of the label, or a whole code.")
]
# `state` itself is a word of the framework.
InState = Annotated[CodeState | None, QueryParameter(name="state", description="The state of a code at this moment.")]
Days = Annotated[int, QueryParameter(ge=1, le=usage.MOST_DAYS, description="So many days up to today.")]


@post(
    "/access-codes/generate",
    guards=[requires(GENERATE)],
    opt=idempotent(),
    operation_id="access_codes_generate",
)
async def generate(db: Db, actor: Actor, data: GenerateRequest) -> GeneratedBatch:
    """Make a batch of codes for a course or a video."""
    return await codes.generate(db, actor, data)


@post(
    "/access-codes/redeem",
    status_code=200,
    guards=[requires(REDEEM)],
    opt=limited("redeem"),
    operation_id="access_codes_redeem",
)
async def redeem(db: Db, actor: Actor, data: RedeemRequest) -> Redeemed:
    """Redeem a code, typed in any case, with any spaces and dashes."""
    return await db.retrying(lambda: redemptions.redeem(db, actor, code=data.code))


@post(
    "/access-codes/check",
    status_code=200,
    guards=[requires(REDEEM)],
    opt=limited("redeem"),
    operation_id="access_codes_check",
)
async def check(db: Db, actor: Actor, data: RedeemRequest) -> CodeCheck:
    """Say what a code would open for whoever asks, or why not; counts as a try, and takes no use."""
    return await checks.check(db, actor, code=data.code)


@get("/access-codes", guards=[requires(VIEW)], opt=reads_only(), operation_id="access_codes_list")
async def list_codes(
    db: Db,
    actor: Actor,
    limit: Limit = 20,
    offset: Offset = 0,
    course_id: UUID | None = None,
    video_id: UUID | None = None,
    batch_id: UUID | None = None,
    is_active: bool | None = None,
    in_state: InState = None,
    q: Search = None,
) -> Page[CodeCard]:
    """List codes, newest first; an instructor's are those of their own courses."""
    wanted = CodeFilter(
        course_id=course_id, video_id=video_id, batch_id=batch_id, is_active=is_active, state=in_state, q=q
    )
    return await showing.show_codes(db, actor, wanted, limit=limit, offset=offset)


@get(
    "/access-codes/export",
    guards=[requires(VIEW)],
    responses={200: ResponseSpec(None, generate_examples=False, description="The document.")},
    operation_id="access_codes_export",
)
async def export(
    db: Db,
    actor: Actor,
    format: ExportFormat = "csv",  # noqa: A002 - so is it called in the query
    course_id: UUID | None = None,
    video_id: UUID | None = None,
    batch_id: UUID | None = None,
    is_active: bool | None = None,
    in_state: InState = None,
    part: Annotated[int | None, QueryParameter(ge=1, le=1000)] = None,
    paper: PaperName | None = None,
) -> Response[bytes]:
    """Export codes as a table, or as a PDF of cards to cut out; an instructor's are those of their own courses.

    Of more codes than one document holds, ask for part 1, 2 and so on.
    """
    wanted = CodeFilter(course_id=course_id, video_id=video_id, batch_id=batch_id, is_active=is_active, state=in_state)
    document = await exports.export_codes(db, actor, format, wanted, exports.Printing(part, paper))
    headers = {"Content-Disposition": f'attachment; filename="{document.filename}"'}
    return Response(document.body, media_type=document.content_type, headers=headers)


@get("/access-codes/usage", guards=[requires(VIEW)], opt=reads_only(), operation_id="access_codes_usage")
async def show_usage(
    db: Db,
    actor: Actor,
    days: Days = 90,
    course_id: UUID | None = None,
    video_id: UUID | None = None,
    batch_id: UUID | None = None,
) -> CodeUsage:
    """Show how codes are used: in which state they are, and what was redeemed and refused in these days."""
    wanted = CodeFilter(course_id=course_id, video_id=video_id, batch_id=batch_id)
    return await usage.usage(db, actor, wanted, days=days)


@get("/access-codes/batches", guards=[requires(VIEW)], opt=reads_only(), operation_id="code_batches_list")
async def list_batches(
    db: Db,
    actor: Actor,
    limit: Limit = 20,
    offset: Offset = 0,
    course_id: UUID | None = None,
    video_id: UUID | None = None,
    is_open: bool | None = None,
    q: BatchSearch = None,
) -> Page[BatchCard]:
    """List what was generated together, newest first; an instructor's are those of their own courses.

    `is_open` says whether a code of it can be redeemed at this moment.
    """
    wanted = batches.BatchFilter(course_id=course_id, video_id=video_id, is_open=is_open, q=q)
    return await batches.batches(db, actor, wanted, limit=limit, offset=offset)


@post(
    "/access-codes/batches",
    status_code=202,
    guards=[requires(GENERATE)],
    opt=idempotent(),
    operation_id="code_batches_begin",
)
async def begin_batch(db: Db, actor: Actor, data: GenerateRequest) -> BegunBatch:
    """Make a batch of codes in the background; `GET /tasks/{task_id}` tells how far it is."""
    return await large_batches.begin(db, actor, data)


@get(
    "/access-codes/batches/{batch_id:uuid}",
    guards=[requires(VIEW)],
    opt=reads_only(),
    operation_id="code_batches_get",
)
async def get_batch(db: Db, actor: Actor, batch_id: UUID, days: Days = 90) -> BatchDetails:
    """Show a batch and how its codes are used."""
    return await batches.batch(db, actor, batch_id, days=days)


@delete("/access-codes/batches/{batch_id:uuid}", guards=[requires(UPDATE)], operation_id="code_batches_deactivate")
async def deactivate_batch(db: Db, actor: Actor, batch_id: UUID) -> None:
    """Deactivate every code of a batch; what they have opened stays open."""
    await db.retrying(lambda: batch_changes.deactivate_batch(db, actor, batch_id))


@get(
    "/access-codes/batches/{batch_id:uuid}/redemptions",
    guards=[requires(VIEW)],
    opt=reads_only(),
    operation_id="code_batches_redemptions",
)
async def list_batch_redemptions(
    db: Db, actor: Actor, batch_id: UUID, limit: Limit = 20, offset: Offset = 0
) -> Page[BatchRedemption]:
    """List who redeemed which code of a batch, latest first."""
    return await showing.show_batch_redemptions(db, actor, batch_id, limit=limit, offset=offset)


@get("/access-codes/attempts", guards=[requires(VIEW_ATTEMPTS)], opt=reads_only(), operation_id="access_codes_attempts")
async def list_attempts(db: Db, limit: Limit = 20, offset: Offset = 0, outcome: Outcome = None) -> Page[AttemptCard]:
    """List every attempt to redeem a code, those on no code too, latest first."""
    return await attempts.all_attempts(db, outcome=outcome, limit=limit, offset=offset)


@get("/access-codes/{code_id:uuid}", guards=[requires(VIEW)], operation_id="access_codes_get")
async def get_code(db: Db, actor: Actor, code_id: UUID) -> CodeDetails:
    """Show one code."""
    return await showing.show_code(db, actor, code_id)


@patch("/access-codes/{code_id:uuid}", guards=[requires(UPDATE)], operation_id="access_codes_update")
async def update(db: Db, actor: Actor, code_id: UUID, data: UpdateRequest) -> CodeDetails:
    """Change a code."""
    return await codes.update_code(db, actor, code_id, data)


@delete("/access-codes/{code_id:uuid}", guards=[requires(UPDATE)], operation_id="access_codes_deactivate")
async def deactivate(db: Db, actor: Actor, code_id: UUID) -> None:
    """Deactivate a code; what it has opened stays open."""
    await codes.update_code(db, actor, code_id, UpdateRequest(is_active=False))


@get(
    "/access-codes/{code_id:uuid}/redemptions",
    guards=[requires(VIEW)],
    opt=reads_only(),
    operation_id="access_codes_redemptions",
)
async def list_redemptions(
    db: Db, actor: Actor, code_id: UUID, limit: Limit = 20, offset: Offset = 0
) -> Page[RedemptionCard]:
    """List who redeemed a code, latest first."""
    return await cards.redemptions(db, actor, code_id, limit=limit, offset=offset)


@get(
    "/access-codes/{code_id:uuid}/attempts",
    guards=[requires(VIEW)],
    opt=reads_only(),
    operation_id="access_codes_attempts_on",
)
async def list_attempts_on(
    db: Db, actor: Actor, code_id: UUID, limit: Limit = 20, offset: Offset = 0, outcome: Outcome = None
) -> Page[AttemptCard]:
    """List who tried a code, latest first."""
    return await attempts.attempts_on(db, actor, code_id, outcome=outcome, limit=limit, offset=offset)


ROUTES: list[HTTPRouteHandler] = [
    generate,
    redeem,
    check,
    list_codes,
    export,
    show_usage,
    list_batches,
    begin_batch,
    get_batch,
    deactivate_batch,
    list_batch_redemptions,
    get_code,
    update,
    deactivate,
    list_redemptions,
    list_attempts,
    list_attempts_on,
]
