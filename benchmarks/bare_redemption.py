"""The bare redemption of a code."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, post
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import HTTPRouteHandler

from benchmarks.bare_tokens import SET_TENANT, Tokens
from benchmarks.tape import Step, TapeUnknown
from kernel import clock
from kernel.ids import new_id
from plugins.codes.schemas import Redeemed, RedeemRequest
from plugins.courses.api import Enrollment, StudentEnrolled

_MADE_HERE = frozenset(
    {"lookup_0", "user_id", "user", "actor_id", "code_id", "access_code_id", "course", "id", "attempt_id", "ids", "now"}
)
"""The parameters that differ from one redemption to the next; with `payload`, which is text."""


def redeem_handler(tokens: Tokens, steps: Sequence[Step]) -> HTTPRouteHandler:
    """Return the handler that runs these statements in one transaction: the first finds the code, the others write.

    Raises:
        TapeUnknown: Ours passes a value that this handler does not know how to make.
    """
    _check(steps)
    look_up, *writes = steps
    (listeners,) = [
        len(value) for step in steps for name, value in zip(step.names, step.arguments, strict=True) if name == "ids"
    ]

    @post("/api/v1/access-codes/redeem", status_code=200)
    async def redeem(request: Request[Any, Any, Any], data: RedeemRequest) -> Redeemed:
        claims = tokens.claims(request)
        user_id, enrollment_id = UUID(claims["user_id"]), new_id()
        code = UUID(claims["tenant"]).bytes + data.code.replace("-", "").encode()
        values = {
            "lookup_0": tokens.keyring.mac("code-lookup", code)[1],
            **dict.fromkeys(("user_id", "user", "actor_id"), user_id),
            "id": enrollment_id,
            "attempt_id": new_id(),
            "ids": [new_id() for _ in range(listeners)],
            "now": clock.now(),
        }
        enrollment = None
        async with request.app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(SET_TENANT, claims["tenant"], claims["user_id"])
            found = await connection.fetchrow(look_up.sql, *look_up.filled(values))
            if found is None:
                raise NotFoundException
            if not found["is_active"] or found["is_redeemed"] or found["is_exhausted"]:
                raise HTTPException(status_code=409)
            code_id, course_id = found["id"], found["course_id"]
            event = StudentEnrolled(
                enrollment_id=enrollment_id, course_id=course_id, user_id=user_id, access_code_id=code_id
            )
            values |= {"code_id": code_id, "access_code_id": code_id, "course": course_id}
            values["payload"] = msgspec.json.encode(event).decode()
            for step in writes:
                record = await connection.fetchrow(step.sql, *step.filled(values))
                if record is None and step.has_rows:
                    raise HTTPException(status_code=409)
                if step.kind is Enrollment:
                    enrollment = Enrollment(*record)
        return Redeemed(found["kind"], course_id, None, enrollment)

    return redeem


def _check(steps: Sequence[Step]) -> None:
    passed = [pair for step in steps for pair in zip(step.names, step.arguments, strict=True)]
    if unknown := {name for name, value in passed if _is_own(value)} - _MADE_HERE:
        raise TapeUnknown(f"The redemption takes the parameters {sorted(unknown)}.", steps)
    if {value for name, value in passed if name == "event"} != {StudentEnrolled.name}:
        raise TapeUnknown("The redemption publishes other events.", steps)
    if Enrollment not in [step.kind for step in steps]:
        raise TapeUnknown("The redemption enrols nobody.", steps)


def _is_own(argument: object) -> bool:
    """Whether a value belongs to one redemption alone, as ids and moments do."""
    if isinstance(argument, list | tuple):
        return any(_is_own(each) for each in argument)
    return isinstance(argument, UUID | datetime | bytes)
