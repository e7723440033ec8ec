"""Idempotency-Key: whoever repeats a request under its key gets the first answer, and nothing happens twice (rule 46).

The key is a row in the transaction of the effect itself, so both are there or neither; a second request that comes
meanwhile waits for that row. Refusals are not kept. Which routes take a key is said by their `opt` (`idempotent`);
`kernel.door` reads the header, `kernel.routing` puts `answering_once` around the handler.
"""

import asyncio
import inspect
import zlib
from collections.abc import Callable, Mapping
from copy import copy
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter
from sqlalchemy import bindparam, delete, func, null, select, text, update
from sqlalchemy.dialects.postgresql import insert

from kernel.db import Contended, Db
from kernel.errors import Conflict
from kernel.ids import new_id
from kernel.keys import DecryptionFailed
from kernel.tables import IdempotencyKey

IDEMPOTENT = "idempotent"
_MOST_KEPT = 4_000_000
_LARGE_BYTES = 64_000
_NO_PART_OF_THE_REQUEST = frozenset({"db", "actor", "request", "scope", "headers", "cookies", "state"})

_PARAMETER = "idempotency_key"
_Header = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="A repetition under the same key gets the first answer, for a day; nothing is done twice.",
    ),
]

_EXPIRED = IdempotencyKey.created_at < func.now() - text("interval '24 hours'")
_ROW: dict[str, Any] = {name: bindparam(name) for name in ("id", "actor_id", "key", "fingerprint")}
_CLAIM = (
    insert(IdempotencyKey)
    .values(_ROW)
    .on_conflict_do_update(
        index_elements=["tenant_id", "actor_id", "key"],
        set_={"fingerprint": bindparam("fingerprint"), "status": null(), "answer": null(), "created_at": func.now()},
        where=_EXPIRED,
    )
    .returning(IdempotencyKey.id)
)
_OWN = (IdempotencyKey.actor_id == bindparam("actor_id"), IdempotencyKey.key == bindparam("key"))
_KEPT = select(IdempotencyKey.fingerprint, IdempotencyKey.status, IdempotencyKey.answer).where(*_OWN)
_KEEP = (
    update(IdempotencyKey)
    .where(IdempotencyKey.id == bindparam("claimed"), IdempotencyKey.status.is_(None))
    .values(status=bindparam("new_status"), answer=bindparam("new_answer"))
)
_PRUNE = delete(IdempotencyKey).where(_EXPIRED)


class IdempotencyMismatch(Conflict):
    """The key was used for another request."""

    code = "kernel.idempotency_mismatch"
    title = "This Idempotency-Key was used for another request. Take a new one."


class AnswerGone(Conflict):
    """The first request was carried out, and its answer cannot be given again."""

    code = "kernel.answer_gone"
    title = "This was done already, and its answer was not kept. Look the result up."


class Kept(msgspec.Struct, frozen=True):
    """What is kept of the first request and its answer."""

    fingerprint: str
    status: int | None
    answer: str | None


def idempotent() -> Mapping[str, Any]:
    """Return the `opt` of a route that takes an `Idempotency-Key`; its handler needs `db` and returns a Struct or None.

    The handler's writes must all be in its `db`. Combined with another: `opt={**limited("upload"), **idempotent()}`.
    """
    return {IDEMPOTENT: True}


def answering_once(handler: HTTPRouteHandler) -> HTTPRouteHandler:
    """Return a copy of the handler that gives the kept answer to a request that was carried out already."""
    act: Callable[..., Any] = handler.fn
    operation, status = str(handler.operation_id), int(handler.status_code)

    @wraps(act)
    async def answer(**given: Any) -> Any:
        db: Db = given["db"]
        given.pop(_PARAMETER, None)
        if not db.origin.idempotency_key or db.origin.actor_id is None:
            return await act(**given)
        request = {name: value for name, value in given.items() if name not in _NO_PART_OF_THE_REQUEST}
        repeatable = Repeatable(db, msgspec.json.encode([operation, request], order="deterministic"))
        if not await repeatable.claim():
            return await repeatable.kept_answer()
        return await repeatable.keep(status, await act(**given))

    # So that the header stands in the API's description; its value has come with `db`.
    signature = inspect.signature(act)
    parameter = inspect.Parameter(_PARAMETER, inspect.Parameter.KEYWORD_ONLY, annotation=_Header, default=None)
    vars(answer)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), parameter])
    answer.__annotations__ = {**act.__annotations__, _PARAMETER: _Header}
    copied = copy(handler)
    copied(answer)
    return copied


class Repeatable:
    """A request under a key, in its transaction.

    Args:
        db: The request's.
        request: What it asks for, as bytes that are the same when it is repeated.
    """

    def __init__(self, db: Db, request: bytes) -> None:
        self._db = db
        self._keyring = db.deployment.keyring
        self._request = request
        self._whose: dict[str, Any] = {"actor_id": db.origin.actor_id, "key": db.origin.idempotency_key}
        self._claimed: UUID | None = None
        self._context = f"{db.tenant_id}:{db.origin.actor_id}:{db.origin.idempotency_key}".encode()

    async def claim(self) -> bool:
        """Make the key this request's own; False if it was used, after waiting for whoever is using it now."""
        self._claimed = await self._db.value(_CLAIM, id=new_id(), fingerprint=self._fingerprint(), **self._whose)
        return self._claimed is not None

    async def keep(self, status: int, result: Any) -> Any:
        """Keep the answer beside its effect and return it.

        Raises:
            Contended: The handler gave its connection back meanwhile, and another request took the key.
        """
        answer = msgspec.json.encode(result)
        size = len(answer)
        sealed = self._seal(answer) if size < _LARGE_BYTES else await asyncio.to_thread(self._seal, answer)
        kept = sealed if len(sealed) <= _MOST_KEPT else None
        if not await self._write(status, kept) and not (await self.claim() and await self._write(status, kept)):
            raise Contended
        return _response(status, answer)

    async def _write(self, status: int, answer: str | None) -> int:
        return await self._db.run(_KEEP, claimed=self._claimed, new_status=status, new_answer=answer)

    async def kept_answer(self) -> Any:
        """Return the first answer.

        Raises:
            IdempotencyMismatch: The key was used for something else.
            AnswerGone: The answer was too large to keep, or its secret is not configured any more.
        """
        kept = await self._db.row(Kept, _KEPT, **self._whose)
        if kept is None or kept.status is None:
            raise Contended
        kid, _, mac = kept.fingerprint.partition(".")
        if kid not in [each.kid for each in self._keyring.derive("idempotency")]:
            raise AnswerGone
        if not self._keyring.verify("idempotency", kid, self._request, bytes.fromhex(mac)):
            raise IdempotencyMismatch
        if kept.answer is None:
            raise AnswerGone
        return _response(kept.status, await asyncio.to_thread(self._open, kept.answer))

    def _fingerprint(self) -> str:
        # Keyed, because a body may hold a password.
        kid, mac = self._keyring.mac("idempotency", self._request)
        return f"{kid}.{mac.hex()}"

    def _seal(self, answer: bytes) -> str:
        # Encrypted, because an answer may hold access codes.
        return self._keyring.encrypt("idempotency", zlib.compress(answer, 1), self._context)

    def _open(self, sealed: str) -> bytes:
        try:
            return zlib.decompress(self._keyring.decrypt("idempotency", sealed, self._context))
        except DecryptionFailed as error:
            raise AnswerGone from error


def _response(status: int, answer: bytes) -> Response[bytes] | None:
    if status == HTTPStatus.NO_CONTENT:
        return None
    return Response(answer, status_code=status, media_type="application/json")


async def prune(db: Db) -> None:
    """Forget the keys of yesterday."""
    await db.run(_PRUNE)


def is_idempotent(handler: HTTPRouteHandler) -> bool:
    """Whether a route takes an `Idempotency-Key`."""
    return bool(handler.opt.get(IDEMPOTENT))
