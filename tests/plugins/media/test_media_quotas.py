"""What one person may upload in all, however many uploads run at once."""

import asyncio

import pytest

from kernel.testing import Person, School, SchoolFactory
from tests.plugins.media.conftest import Leftovers, form, mp4, picture, upload

QUOTA = 12_000
EXCEEDED = (413, "media.quota_exceeded")


@pytest.fixture
async def narrow_school(new_school: SchoolFactory) -> School:
    """A school with a quota."""
    return await new_school(settings={"media": {"max_bytes_per_user": QUOTA}})


async def sent(person: Person, content: bytes, kind: str = "video") -> tuple[int, str]:
    """Upload, and return the status and the code of a refusal."""
    answer = await person.post(f"/upload/{kind}", files=form(content))
    return answer.status_code, answer.json().get("code", "")


async def test_every_kind_counts_for_its_owner_alone(narrow_school: School, leftovers: Leftovers) -> None:
    person, other = await narrow_school.person("instructor"), await narrow_school.person("instructor")
    assert await sent(person, mp4(QUOTA - 500)) == (201, "")
    assert await sent(person, b"x" * 400, "file") == (201, "")
    assert await sent(person, b"x" * 101, "file") == EXCEEDED
    assert await sent(person, picture(100, 100), "image") == EXCEEDED
    assert await sent(person, b"x" * 100, "file") == (201, "")
    assert await sent(person, b"x", "file") == EXCEEDED
    assert await sent(other, mp4(QUOTA)) == (201, "")
    assert await leftovers(narrow_school) == (4, 4, 0)


async def test_uploads_at_once_do_not_exceed_it_together(narrow_school: School, leftovers: Leftovers) -> None:
    person = await narrow_school.person("instructor")
    answers = await asyncio.gather(*(sent(person, mp4(5000)) for _ in range(8)))
    assert sorted(answers) == [(201, "")] * 2 + [EXCEEDED] * 6
    assert await leftovers(narrow_school) == (2, 2, 0)


async def test_what_is_too_large_anyway_is_told_so(new_school: SchoolFactory) -> None:
    school = await new_school(settings={"media": {"max_bytes_per_user": QUOTA, "max_video_bytes": 5000}})
    person = await school.person("instructor")
    assert await sent(person, mp4(5001)) == (413, "kernel.too_large")


async def test_thumbnails_do_not_count(new_school: SchoolFactory, school: School, student: Person) -> None:
    size = (await upload(student, picture(), kind="image"))["size"]
    narrow = await new_school(settings={"media": {"max_bytes_per_user": size}})
    assert await sent(await narrow.person("student"), picture(), "image") == (201, "")
