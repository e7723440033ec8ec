"""Reads the one file of a multipart form while it streams in; never more of it than a chunk is in memory.

What a good file is, and where it goes, is decided in `actions`.
"""

from collections.abc import AsyncIterator
from typing import Any

from litestar import Request
from litestar.exceptions import InternalServerException
from msgspec import Struct
from multipart import MultipartError, MultipartSegment, PushMultipartParser  # type: ignore[import-untyped]

from kernel.errors import FieldError, Invalid, TooLarge
from kernel.problems import UnsupportedMedia
from plugins.media.errors import UploadAborted

FIELD = "file"
_AROUND_BYTES = 16 * 1024
"""What a form may hold besides the file: boundaries, headers."""


class FilePart(Struct, frozen=True):
    """The file's name as the sender gave it, and its bytes, to be read once."""

    filename: str
    chunks: AsyncIterator[bytes]


async def file_part(request: Request[Any, Any, Any], *, max_bytes: int) -> FilePart:
    """Return the field `file` of a request's form, which may have no other.

    Raises:
        UnsupportedMedia: It is no multipart form.
        TooLarge: The request says so beforehand.
        Invalid: The form has no such field.
    """
    kind, options = request.content_type
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise UnsupportedMedia("Send the file as multipart/form-data, in the field `file`.")
    if (request.content_length or 0) > max_bytes + _AROUND_BYTES:
        raise TooLarge(f"The file is larger than {max_bytes} bytes.")
    events = _events(request, options["boundary"], max_bytes + _AROUND_BYTES)
    segment = await anext(events, None)
    if segment is None:
        raise Invalid(errors=[FieldError(FIELD, "This field is required.")])
    return FilePart(_checked(segment).filename or "", _content(events))


async def _content(events: AsyncIterator[MultipartSegment | bytes | None]) -> AsyncIterator[bytes]:
    """Give the bytes of the part that has begun; refuse another part behind it."""
    async for event in events:
        if isinstance(event, bytes | bytearray):
            yield bytes(event)
        elif event is not None:
            raise Invalid(errors=[FieldError(event.name or "", "There is one file in an upload, and nothing else.")])


def _checked(segment: Any) -> MultipartSegment:
    if not isinstance(segment, MultipartSegment) or segment.name != FIELD:
        raise Invalid(errors=[FieldError(getattr(segment, "name", None) or "", "There is no such field.")])
    if segment.filename is None:
        raise Invalid(errors=[FieldError(FIELD, "This must be a file.")])
    return segment


async def _events(
    request: Request[Any, Any, Any], boundary: str, most_bytes: int
) -> AsyncIterator[MultipartSegment | bytes | None]:
    received = 0
    try:
        parser = PushMultipartParser(boundary, max_header_size=8192)
        async for chunk in request.stream():
            received += len(chunk)
            if received > most_bytes:
                raise TooLarge
            for event in parser.parse(chunk):
                yield event
    except MultipartError as error:
        raise Invalid(f"The form cannot be read: {error}.") from error
    except InternalServerException as error:
        # Litestar's stream says nothing else by this than that the sender has gone.
        raise UploadAborted from error
