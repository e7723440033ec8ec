"""An object as an HTTP answer: whole or in part, with validators, streamed as fast as the client reads.

Which bytes and whether at all is decided in `kernel.storage.ranges` and `preconditions`; who may ask, before this is
called. A refusal is raised as a DomainError and becomes problem+json where all others do.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from email.utils import format_datetime
from typing import Any, cast

from litestar.response.base import ASGIResponse
from litestar.types import HTTPResponseBodyEvent, Receive, Scope, Send

from kernel.file_sending import EXTENSION
from kernel.storage.disposition import (
    INLINE_TYPES,
    Disposition,
    check_content_type,
    content_disposition,
    shown_disposition,
)
from kernel.storage.objects import READ_BYTES, Storage, StoredObject
from kernel.storage.preconditions import Validators, check_match, is_not_modified, is_range_current
from kernel.storage.ranges import ByteRange, parse_range

PROXIED_PATH = "proxied_path"
"""Where in a request's state the path stands that the proxy shall send."""
_INERT = "default-src 'none'; sandbox"


def ranged_response(
    storage: Storage,
    stored: StoredObject,
    *,
    headers: Mapping[str, str],
    method: str,
    disposition: Disposition = "inline",
    filename: str | None = None,
) -> ASGIResponse:
    """Answer a GET or HEAD for the object: 200, 206 or 304.

    Where the storage's own server (`direct_address`) or our proxy (`internal_path`) sends objects, it leads there.

    Args:
        storage: Where the object is.
        stored: What its owner's table says of it.
        headers: The request's, found by small letters.
        method: The request's.
        disposition: How to show it; what a browser might run is an attachment all the same.
        filename: The name to save it under.

    Raises:
        RangeNotSatisfiable: The range lies behind the end (416).
        PreconditionFailed: If-Match or If-Unmodified-Since does not hold (412).
        ObjectNotFound: While answering, before the status line.
    """
    content = _content_headers(stored.content_type, disposition, filename)
    elsewhere = storage.direct_address(
        stored.key,
        method=method,
        content_type=content["Content-Type"],
        disposition=content["Content-Disposition"],
    )
    if elsewhere is not None:
        # Ranges and conditions are between the client and that server, whose validators are others than ours.
        return ASGIResponse(status_code=302, headers={"Location": elsewhere, "Cache-Control": "private, no-store"})
    if inside := storage.internal_path(stored.key):
        return ProxiedResponse(inside, {**content, "Cache-Control": "private, no-store"})
    current = Validators(f'"{stored.sha256}"', stored.modified_at.replace(microsecond=0))
    check_match(headers, current)
    answer = {
        "ETag": current.etag,
        "Last-Modified": format_datetime(current.modified_at, usegmt=True),
        "Cache-Control": "private, no-store",
        "Accept-Ranges": "bytes",
    }
    if is_not_modified(headers, current):
        return ASGIResponse(status_code=304, headers=answer)
    answer |= content
    wanted = None
    if method == "GET" and is_range_current(headers, current):
        wanted = parse_range(headers.get("range"), stored.size_bytes)
    span = wanted or ByteRange(0, stored.size_bytes)
    answer["Content-Length"] = str(span.end - span.start)
    if wanted is not None:
        answer["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{stored.size_bytes}"
    if method == "HEAD" or span.start == span.end:
        return ASGIResponse(status_code=200, headers=answer, is_head_response=True)
    return ObjectResponse(storage, stored.key, span, status_code=206 if wanted else 200, headers=answer)


class ProxiedResponse(ASGIResponse):
    """An answer whose body our proxy adds; the header that tells it so is written by the outermost application alone.

    So nothing else, such as a header that a plugin copies from somewhere, can make the proxy send what lies there.
    """

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        super().__init__(headers=dict(headers))
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers."""
        scope["state"][PROXIED_PATH] = self._path
        await super().__call__(scope, receive, send)


class ObjectResponse(ASGIResponse):
    """The bytes of one range of one object, at least one."""

    _should_set_content_length = False

    def __init__(
        self, storage: Storage, key: str, span: ByteRange, *, status_code: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(status_code=status_code, headers=dict(headers))
        self._storage = storage
        self._key = key
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; the object is opened before its status line, so that a missing one is a 404."""
        if not await self._send_file(scope, send):
            await self._send_bytes(receive, send)
        await self.after_response()

    async def _send_file(self, scope: Scope, send: Send) -> bool:
        """Let the server send its part of the file, and say whether there are such a server and such a file."""
        start, end = self._span
        if end - start <= READ_BYTES or EXTENSION not in (scope.get("extensions") or ()):
            return False  # what is read at once is sent sooner together with its headers
        file = await self._storage.open_file(self._key, end)
        if file is None:
            return False
        with file:
            await self.start_response(send)
            await send(cast("Any", {"type": EXTENSION, "file": file, "offset": start, "count": end - start}))
        return True

    async def _send_bytes(self, receive: Receive, send: Send) -> None:
        async with aclosing(self._storage.open_range(self._key, *self._span)) as chunks:
            first = await anext(chunks)
            await self.start_response(send)
            remaining = self._span.end - self._span.start - len(first)
            await send(_body(first, more=remaining > 0))
            if remaining:
                await _send_rest(chunks, remaining, receive, send)


async def _send_rest(chunks: AsyncGenerator[bytes, None], remaining: int, receive: Receive, send: Send) -> None:
    # A server swallows what is sent to a client that has gone; without a watch the whole file would be read for nobody.
    gone = asyncio.create_task(_wait_until_gone(receive))
    try:
        async for chunk in chunks:
            if gone.done():
                break
            remaining -= len(chunk)
            await send(_body(chunk, more=remaining > 0))
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _body(chunk: bytes, *, more: bool) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def _content_headers(content_type: str, disposition: Disposition, filename: str | None) -> dict[str, str]:
    headers = {
        "Content-Type": check_content_type(content_type),
        "Content-Disposition": content_disposition(shown_disposition(disposition, content_type), filename),
        "X-Content-Type-Options": "nosniff",
    }
    return headers if content_type in INLINE_TYPES else headers | {"Content-Security-Policy": _INERT}
