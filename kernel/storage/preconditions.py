"""Whether a request's conditions hold for an object as it is now (RFC 9110, section 13).

Pure: header texts in, a decision out. Headers are looked up by small letters.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from kernel.errors import Conflict

_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


class PreconditionFailed(Conflict):
    """The request's If-Match or If-Unmodified-Since does not hold."""

    status = 412
    code = "kernel.precondition_failed"
    title = "The file is not the one that the request expects."


class Validators(NamedTuple):
    """What tells one version of an object from another: a strong ETag in its quotes, and a time in whole seconds."""

    etag: str
    modified_at: datetime


def check_match(headers: Mapping[str, str], current: Validators) -> None:
    """Raise PreconditionFailed unless the object is the one that the request expects."""
    expected = headers.get("if-match")
    if expected is not None:
        holds = expected.strip() == "*" or current.etag in _ETAG.findall(expected)
    else:
        since = _http_date(headers.get("if-unmodified-since"))
        holds = since is None or current.modified_at <= since
    if not holds:
        raise PreconditionFailed


def is_not_modified(headers: Mapping[str, str], current: Validators) -> bool:
    """Say whether the client has the object already."""
    known = headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or current.etag in {tag.removeprefix("W/") for tag in _ETAG.findall(known)}
    since = _http_date(headers.get("if-modified-since"))
    return since is not None and current.modified_at <= since


def is_range_current(headers: Mapping[str, str], current: Validators) -> bool:
    """Say whether a range may be answered: what the client has a part of is the object as it is now."""
    expected = headers.get("if-range")
    if expected is None or expected.strip() == current.etag:
        return True
    return _http_date(expected) == current.modified_at


def _http_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
