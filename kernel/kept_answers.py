"""Answers that are the same bytes for many people, kept in each process until what they show has changed.

A route says so by `opt=kept(...)`: which tables its answer shows, and for whom it is the same. Every transaction that
writes to one of these tables gives the tenant a new version in Redis once it has committed and before its own answer
starts; the version comes with the session and the limits of each request (`kernel.gate`), so asking costs nothing.
Without Redis nothing is kept and nothing that was kept is used. The door (`kernel.door`) asks and gives.

A page that is only in part the same for many keeps that part: `opt=keeps_parts(...)`, and `kept_part` in its handler.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.types import Message, Scope, Send

from kernel.auth import Actor

if TYPE_CHECKING:
    from kernel.db import Db
    from kernel.gate import Admission, Gate
    from kernel.tenancy import Tenant

ANY_TABLE = "*"
"""Stands for the tables that a transaction changed without a statement of ours, through the driver."""
MOST_BYTES = 32 * 1024 * 1024
MOST_PARTS = 200
_LARGEST_ANSWER = 1024 * 1024
_EACH_BYTES = 1024
"""What an answer takes beside its body: its place, headers and ETag. Else many small ones would fill the memory."""
_KEPT = b"private, no-cache"

Query = Sequence[tuple[str, str]]
Audience = Callable[[Actor, "Tenant", Query], str | None]
"""Returns a name for those who get the same answer as this actor, or None where the answer is theirs alone."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """How the answers of a GET route are kept.

    Args:
        name: Dotted, begins with the plugin's name.
        tables: `schema.table` of all that the answer shows, and of the rows whose removal takes such rows along.
        audience: Who gets the same answer. It must refuse (None) whoever the route itself would refuse.
    """

    name: str
    tables: frozenset[str]
    audience: Audience


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer with status 200."""

    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    etag: bytes


def kept(how: Kept) -> Mapping[str, Any]:
    """Return the `opt` of a route whose answers are kept; its handler reads from the primary."""
    return {"kept": how}


def how_kept(handler: HTTPRouteHandler) -> Kept | None:
    """Return how a route's answers are kept; None if they are not."""
    how: Kept | None = handler.opt.get("kept")
    return how


def keeps_parts(how: Kept) -> Mapping[str, Any]:
    """Return the `opt` of a GET route whose handler uses `kept_part`; it reads from the primary."""
    return {"keeps_parts": how}


def what_keeps(handler: HTTPRouteHandler) -> Kept | None:
    """Return how a route's answers, or parts of them, are kept; None if nothing is."""
    how: Kept | None = handler.opt.get("keeps_parts")
    return how or how_kept(handler)


T = TypeVar("T")


async def kept_part(db: "Db", scope: Scope, make: Callable[[], Awaitable[T]]) -> T:
    """Return what an earlier request with the same path and query made, if nothing that it shows has changed since.

    What was made is shared by requests and must depend on the query alone, not on who asks.

    Args:
        db: The transaction.
        scope: Of the request; its route has `keeps_parts`.
        make: Makes it anew.
    """
    place = scope["state"].get("part_place")
    if place is None:
        return await make()
    parts = db.deployment.kept_parts
    if place in parts:
        parts.move_to_end(place)
        return parts[place]  # type: ignore[no-any-return]
    part = parts[place] = await make()
    if len(parts) > MOST_PARTS:
        parts.popitem(last=False)
    return part


class KeptAnswers:
    """The kept answers of a process, the least used forgotten first."""

    def __init__(self, gate: "Gate", kinds: Iterable[Kept]) -> None:
        self._gate = gate
        self._names: dict[str, set[str]] = {}
        for kind in kinds:
            for table in kind.tables:
                self._names.setdefault(table, set()).add(kind.name)
        self._answers: OrderedDict[tuple[Any, ...], KeptAnswer] = OrderedDict()
        self._bytes = 0

    async def place_of(
        self, how: Kept, admission: "Admission", actor: Actor, tenant: "Tenant", path: str, query: bytes
    ) -> tuple[Any, ...] | None:
        """Return where the answer to this request is kept; None where it must not be."""
        asked = sorted(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
        audience = how.audience(actor, tenant, asked)
        if audience is None:
            return None
        version = admission.content_version or await self._gate.begin_content(tenant.id, how.name)
        # With the losses of Redis, since it may have come back with a version from before.
        versions = (version, tenant.version, admission.directory_version, admission.losses)
        return (how.name, tenant.id, versions, audience, path, urlencode(asked))

    def get(self, place: tuple[Any, ...]) -> KeptAnswer | None:
        """Return what is kept there."""
        answer = self._answers.get(place)
        if answer is not None:
            self._answers.move_to_end(place)
        return answer

    def put(self, place: tuple[Any, ...], answer: KeptAnswer) -> None:
        """Keep an answer, unless it is very large."""
        if len(answer.body) > _LARGEST_ANSWER or place in self._answers:
            return
        self._answers[place] = answer
        self._bytes += _size(place, answer)
        while self._bytes > MOST_BYTES:
            self._bytes -= _size(*self._answers.popitem(last=False))

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self._bytes = 0

    async def changed(self, tenant_id: UUID | None, tables: Iterable[str]) -> None:
        """Let no process use what it kept of these tables any more; call it after the change has committed."""
        written = set(tables)
        if ANY_TABLE in written:
            names = set().union(*self._names.values())
        else:
            names = set().union(*(self._names.get(table, ()) for table in written))
        if not names:
            return
        if tenant_id is None:
            # An operator's transaction reaches into every tenant.
            await self._gate.tell_directory()
        else:
            await self._gate.change_content(tenant_id, sorted(names))


def _size(place: tuple[Any, ...], answer: KeptAnswer) -> int:
    return len(answer.body) + sum(len(part) for part in place if isinstance(part, str)) + _EACH_BYTES


async def send_kept(answer: KeptAnswer, send: Send, *, known: bytes) -> None:
    """Answer with what is kept; with nothing but its ETag where the client has it.

    Args:
        answer: What is kept.
        send: Of the request.
        known: The client's `If-None-Match`.
    """
    is_known = answer.etag in [each.strip().removeprefix(b"W/") for each in known.split(b",")] or known.strip() == b"*"
    headers = [(b"etag", answer.etag), (b"cache-control", _KEPT)]
    if not is_known:
        headers += answer.headers
    await send({"type": "http.response.start", "status": 304 if is_known else 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_known else answer.body, "more_body": False})


class Keeping:
    """Collects an answer on its way out, keeps it if it is whole and well, and gives it an ETag."""

    def __init__(self, answers: KeptAnswers, place: tuple[Any, ...], send: Send, *, known: bytes) -> None:
        self._answers = answers
        self._place = place
        self._send = send
        self._known = known
        self._headers: tuple[tuple[bytes, bytes], ...] | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        """Take a message of the answer."""
        if message["type"] == "http.response.start" and message["status"] == 200:
            self._headers = tuple(message["headers"])
            return
        if self._headers is None or message["type"] != "http.response.body":
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            body = bytes(self._body)
            etag = b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"'
            answer = KeptAnswer(self._headers, body, etag)
            self._answers.put(self._place, answer)
            await send_kept(answer, self._send, known=self._known)
