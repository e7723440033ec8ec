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
from plugins.codes.actions import codes, exports, redemptions
from plugins.codes.permissions import GENERATE, REDEEM, UPDATE, VIEW, VIEW_ATTEMPTS
from plugins.codes.queries import attempts, cards
from plugins.codes.schemas import (
    AttemptCard,
    CodeCard,
    CodeDetails,
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
) -> Page[CodeCard]:
    """List codes, newest first; an instructor's are those of their own courses."""
    return await cards.access_codes(
        db,
        actor,
        limit=limit,
        offset=offset,
        course_id=course_id,
        video_id=video_id,
        batch_id=batch_id,
        is_active=is_active,
    )


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
) -> Response[bytes]:
    """Export codes as a table, or as a PDF of cards to cut out; an instructor's are those of their own courses."""
    document = await exports.export_codes(
        db, actor, format, course_id=course_id, video_id=video_id, batch_id=batch_id, is_active=is_active
    )
    headers = {"Content-Disposition": f'attachment; filename="{document.filename}"'}
    return Response(document.body, media_type=document.content_type, headers=headers)


@get("/access-codes/attempts", guards=[requires(VIEW_ATTEMPTS)], opt=reads_only(), operation_id="access_codes_attempts")
async def list_attempts(db: Db, limit: Limit = 20, offset: Offset = 0, outcome: Outcome = None) -> Page[AttemptCard]:
    """List every attempt to redeem a code, those on no code too, latest first."""
    return await attempts.all_attempts(db, outcome=outcome, limit=limit, offset=offset)


@get("/access-codes/{code_id:uuid}", guards=[requires(VIEW)], operation_id="access_codes_get")
async def get_code(db: Db, actor: Actor, code_id: UUID) -> CodeDetails:
    """Show one code."""
    return await cards.access_code(db, actor, code_id)


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
    list_codes,
    export,
    get_code,
    update,
    deactivate,
    list_redemptions,
    list_attempts,
    list_attempts_on,
]
