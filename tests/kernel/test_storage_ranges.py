"""Range and condition headers: every answer equals Python's slicing, and no text breaks the parser."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernel.storage.preconditions import (
    PreconditionFailed,
    Validators,
    check_match,
    is_not_modified,
    is_range_current,
)
from kernel.storage.ranges import ByteRange, RangeNotSatisfiable, parse_range

SIZES = st.integers(min_value=0, max_value=300)
POSITIONS = st.integers(min_value=0, max_value=400)

CURRENT = Validators('"abc"', datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC))
BEFORE = "Sun, 01 Mar 2026 11:59:59 GMT"
EXACTLY = "Sun, 01 Mar 2026 12:00:00 GMT"
AFTER = "Sun, 01 Mar 2026 12:00:01 GMT"


def taken(header: str, data: bytes) -> bytes | None:
    """Return the bytes that the header asks for, or None if it cannot be satisfied."""
    try:
        span = parse_range(header, len(data))
    except RangeNotSatisfiable:
        return None
    return data if span is None else data[span.start : span.end]


@given(size=SIZES, first=POSITIONS, length=st.integers(min_value=1, max_value=400))
def test_a_closed_range_equals_a_slice(size: int, first: int, length: int) -> None:
    data = bytes(index % 251 for index in range(size))

    assert taken(f"bytes={first}-{first + length - 1}", data) == (data[first : first + length] or None)


@given(size=SIZES, first=POSITIONS)
def test_an_open_range_equals_a_slice(size: int, first: int) -> None:
    data = bytes(index % 251 for index in range(size))

    assert taken(f"bytes={first}-", data) == (data[first:] or None)


@given(size=SIZES, length=POSITIONS)
def test_a_suffix_range_equals_a_slice(size: int, length: int) -> None:
    data = bytes(index % 251 for index in range(size))

    assert taken(f"bytes=-{length}", data) == (data[-length:] if length else None)


@given(header=st.text() | st.from_regex(r"bytes ?=[-0-9, ]*"), size=st.integers(min_value=0, max_value=2**63 - 1))
@example(header="bytes=" + "9" * 10_000 + "-", size=1)
@example(header="bytes=\N{ARABIC-INDIC DIGIT ONE}-", size=5)
def test_any_text_gives_a_range_within_the_object_or_a_refusal(header: str, size: int) -> None:
    try:
        span = parse_range(header, size)
    except RangeNotSatisfiable as error:
        span, headers = None, error.headers
    else:
        headers = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}

    assert span is None or 0 <= span.start < span.end <= size
    assert headers == {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-3",
        "bytes=1-2-3",
        "bytes=+1-2",
        "bytes=1 - 2",
        "bytes=--5",
        "items=0-5",
        "bytes 0-5",
        "bytes=0-1,4-5",
        "bytes=0-0,-1",
        "bytes=\N{SUPERSCRIPT TWO}-",
    ],
)
def test_a_header_that_is_no_single_range_asks_for_the_whole(header: str | None) -> None:
    assert parse_range(header, 10) is None


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", ByteRange(0, 1)),
        ("bytes=0-", ByteRange(0, 10)),
        ("bytes=9-", ByteRange(9, 10)),
        ("bytes=3-99", ByteRange(3, 10)),
        ("bytes=-3", ByteRange(7, 10)),
        ("bytes=-99", ByteRange(0, 10)),
        ("Bytes= 2-4", ByteRange(2, 5)),
        ("bytes=,2-4 ,", ByteRange(2, 5)),
        ("bytes=" + "0" * 5000 + "2-4", ByteRange(2, 5)),
        ("bytes=2-" + "9" * 5000, ByteRange(2, 10)),
    ],
)
def test_a_single_range_is_cut_to_the_object(header: str, span: ByteRange) -> None:
    assert parse_range(header, 10) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_range_behind_the_end_is_refused_with_the_size(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable) as refusal:
        parse_range(header, size)

    assert (refusal.value.status, refusal.value.code) == (416, "kernel.range_not_satisfiable")
    assert refusal.value.headers["Content-Range"] == f"bytes */{size}"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"if-none-match": '"abc"'}, True),
        ({"if-none-match": 'W/"abc"'}, True),
        ({"if-none-match": '"x", W/"y", "abc"'}, True),
        ({"if-none-match": "*"}, True),
        ({"if-none-match": '"x"'}, False),
        ({"if-none-match": "abc"}, False),
        ({"if-none-match": '"x"', "if-modified-since": AFTER}, False),
        ({"if-modified-since": BEFORE}, False),
        ({"if-modified-since": EXACTLY}, True),
        ({"if-modified-since": AFTER}, True),
        ({"if-modified-since": "yesterday"}, False),
    ],
)
def test_is_not_modified_follows_the_etag_before_the_date(headers: dict[str, str], expected: bool) -> None:
    assert is_not_modified(headers, CURRENT) is expected


@pytest.mark.parametrize(
    ("headers", "holds"),
    [
        ({}, True),
        ({"if-match": '"abc"'}, True),
        ({"if-match": '"x", "abc"'}, True),
        ({"if-match": "*"}, True),
        ({"if-match": 'W/"abc"'}, False),
        ({"if-match": '"x"'}, False),
        ({"if-match": '"abc"', "if-unmodified-since": BEFORE}, True),
        ({"if-unmodified-since": BEFORE}, False),
        ({"if-unmodified-since": EXACTLY}, True),
        ({"if-unmodified-since": "never"}, True),
    ],
)
def test_check_match_refuses_another_object(headers: dict[str, str], holds: bool) -> None:
    if holds:
        check_match(headers, CURRENT)
    else:
        with pytest.raises(PreconditionFailed) as refusal:
            check_match(headers, CURRENT)
        assert (refusal.value.status, refusal.value.code) == (412, "kernel.precondition_failed")


@pytest.mark.parametrize(
    ("if_range", "expected"),
    [
        (None, True),
        ('"abc"', True),
        ('W/"abc"', False),
        ('"x"', False),
        (EXACTLY, True),
        (BEFORE, False),
        (AFTER, False),
        ("nonsense", False),
    ],
)
def test_is_range_current_wants_the_very_same_object(if_range: str | None, expected: bool) -> None:
    assert is_range_current({} if if_range is None else {"if-range": if_range}, CURRENT) is expected


@given(
    text=st.text()
    | st.from_regex(r"Sun, [0-9]{1,3} Mar [0-9]{1,30} [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,3} [+-][0-9]{1,30}", fullmatch=True)
)
@example(text="Sun, 01 Mar 2026 12:00:00 -0000")
@example(text="Fri, 31 Dec 9999 23:59:59 -2359")
@example(text="Mon, 01 Jan 0001 00:00:00 +2359")
def test_no_text_breaks_a_condition(text: str) -> None:
    headers = {"if-modified-since": text, "if-unmodified-since": text, "if-range": text}

    assert is_not_modified(headers, CURRENT) in {True, False}
    assert is_range_current(headers, CURRENT) in {True, False}
    assert is_not_modified({"if-none-match": text}, CURRENT) in {True, False}


@given(offset=st.integers(min_value=-(10**6), max_value=10**6))
def test_a_date_compares_in_whole_seconds(offset: int) -> None:
    since = (CURRENT.modified_at + timedelta(seconds=offset)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert is_not_modified({"if-modified-since": since}, CURRENT) is (offset >= 0)
