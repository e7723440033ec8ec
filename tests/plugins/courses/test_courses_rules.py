"""Decisions about courses, from plain values."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError, FieldError
from plugins.courses import rules
from plugins.courses.errors import CodeRequired, NotEnrolled, RangesInvalid, SourceInvalid

ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Tables & chairs", "tables-chairs"),
        ("  Straße   nach  Ägypten! ", "strasse-nach-ägypten"),
        ("مقدمة في الخَطّ", "مقدمة-في-الخَطّ"),
        ("हिन्दी सीखें", "हिन्दी-सीखें"),
        ("日本語入門", "日本語入門"),
        ("C++ / C#", "c-c"),
        ("🎉🎉", "course"),
        ("a\u0000b\nc", "a-b-c"),
        ("x" * 200, "x" * 80),
    ],
)
def test_slug_keeps_letters_of_every_script(title: str, slug: str) -> None:
    assert rules.slug_of(title) == slug


@given(st.text(max_size=300))
def test_slug_of_a_slug_is_itself(title: str) -> None:
    slug = rules.slug_of(title)
    assert 1 <= len(slug) <= rules.SLUG_LENGTH
    assert rules.slug_of(slug) == slug


def test_missing_items_names_each() -> None:
    assert [each.field for each in rules.missing_items(sections=0, videos=0)] == ["sections", "videos"]
    assert [each.field for each in rules.missing_items(sections=1, videos=0)] == ["videos"]
    assert rules.missing_items(sections=1, videos=1) == []


@pytest.mark.parametrize(
    ("video_type", "sources", "field"),
    [
        ("server_upload", {}, "file_id"),
        ("youtube_private", {}, "youtube_id"),
        ("external", {}, "video_url"),
        ("server_upload", {"file_id": ONE, "youtube_id": "abcdefgh"}, "youtube_id"),
        ("external", {"video_url": "https://x", "file_id": ONE}, "file_id"),
    ],
)
def test_source_must_fit_the_type(video_type: str, sources: dict[str, object], field: str) -> None:
    none = dict.fromkeys(("file_id", "youtube_id", "video_url"))
    with pytest.raises(SourceInvalid) as caught:
        rules.check_source(video_type, none | sources)
    assert [each.field for each in caught.value.errors] == [field]


def test_stale_sources_are_those_of_other_types() -> None:
    assert rules.stale_sources("external") == ["file_id", "youtube_id"]


@pytest.mark.parametrize(
    ("standing", "may"),
    [
        ({}, False),
        ({"manages": True, "requires_code": True}, True),
        ({"is_preview": True}, True),
        ({"is_granted": True, "requires_code": True}, True),
        ({"is_enrolled": True}, True),
        ({"is_enrolled": True, "requires_code": True}, False),
        ({"is_enrolled": True, "is_granted": True, "requires_code": True}, True),
    ],
)
def test_who_may_watch(standing: dict[str, bool], may: bool) -> None:
    nobody = dict.fromkeys(("manages", "is_preview", "is_granted", "is_enrolled", "requires_code"), False)
    assert rules.may_watch(**{**nobody, **standing}) is may


@pytest.mark.parametrize(
    ("status", "in_curriculum", "is_enrolled", "is_granted", "is_open"),
    [
        ("published", True, False, False, True),
        ("published", False, True, True, False),
        ("draft", True, True, True, False),
        ("archived", True, False, False, False),
        ("archived", True, True, False, True),
        ("archived", True, False, True, True),
    ],
)
def test_what_others_may_know_of(
    status: str, in_curriculum: bool, is_enrolled: bool, is_granted: bool, is_open: bool
) -> None:
    found = rules.is_open(
        course_status=status, in_curriculum=in_curriculum, is_enrolled=is_enrolled, is_granted=is_granted
    )
    assert found is is_open


@pytest.mark.parametrize(("is_enrolled", "error"), [(True, CodeRequired), (False, NotEnrolled)])
def test_refusal_tells_what_is_missing(is_enrolled: bool, error: type[DomainError]) -> None:
    rules.check_watch(may=True, is_enrolled=is_enrolled)
    with pytest.raises(error):
        rules.check_watch(may=False, is_enrolled=is_enrolled)


def test_ranges_are_written_as_postgresql_reads_them() -> None:
    assert rules.watched_ranges([(0, 8), (8, 8), (5, 100)], position=100, duration=100) == "{[0,8),[5,100)}"
    assert rules.watched_ranges([], position=0, duration=100) == "{}"


@pytest.mark.parametrize(
    ("ranges", "position", "field"),
    [
        ([(0, 101)], 0, "ranges[0]"),
        ([(0, 8), (9, 8)], 0, "ranges[1]"),
        ([(200, 300)], 0, "ranges[0]"),
        ([(0, 8)], 101, "position"),
    ],
)
def test_ranges_outside_of_the_video_are_named(ranges: list[tuple[int, int]], position: int, field: str) -> None:
    with pytest.raises(RangesInvalid) as caught:
        rules.watched_ranges(ranges, position=position, duration=100)
    assert [each.field for each in caught.value.errors] == [field]
    assert isinstance(caught.value.errors[0], FieldError)


@pytest.mark.parametrize(
    ("watched", "duration", "done"), [(89, 100, False), (90, 100, True), (1, 1, True), (9, 11, False)]
)
def test_ninety_percent_count_as_all(watched: int, duration: int, done: bool) -> None:
    assert rules.is_watched(watched, duration) is done


def test_category_cannot_stand_below_itself() -> None:
    parents = {ONE: None, TWO: ONE, THREE: TWO}
    assert rules.is_cycle(parents, ONE, THREE)
    assert rules.is_cycle(parents, ONE, ONE)
    assert not rules.is_cycle(parents, THREE, ONE)
    assert not rules.is_cycle(parents, TWO, None)
