"""Signed addresses: ranges, validators, and everybody whom they do not serve."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from kernel import clock
from kernel.ids import new_id
from kernel.storage import sign_media_url
from kernel.testing import PASSWORD, FakeClock, Person, School
from tests.plugins.media.conftest import mp4, read, upload

CONTENT = mp4(600_000)


@pytest.fixture
async def url(instructor: Person) -> str:
    """The address of a video that the instructor has uploaded."""
    return str((await upload(instructor, CONTENT, "Über.mp4"))["url"])


RANGES: tuple[tuple[str | None, int, int, int], ...] = (
    (None, 200, 0, 600_000),
    ("bytes=0-0", 206, 0, 1),
    ("bytes=1000-1999", 206, 1000, 2000),
    ("bytes=262000-300000", 206, 262_000, 300_001),
    ("bytes=599999-", 206, 599_999, 600_000),
    ("bytes=-500", 206, 599_500, 600_000),
    ("bytes=500000-9999999", 206, 500_000, 600_000),
    ("bytes=0-1,5-6", 200, 0, 600_000),
)


async def test_ranges_are_the_same_bytes(school: School, instructor: Person, url: str) -> None:
    for wanted, status, start, end in RANGES:
        headers = {"Range": wanted} if wanted else {}
        answer = await read(instructor, school, url, **headers)
        assert (wanted, answer.status_code, answer.content) == (wanted, status, CONTENT[start:end])
        assert answer.headers.get("content-range") == (f"bytes {start}-{end - 1}/600000" if status == 206 else None)
        head = await read(instructor, school, url, "HEAD", **headers)
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "600000")


async def test_headers_let_a_browser_play_and_nothing_else(school: School, instructor: Person, url: str) -> None:
    answer = await read(instructor, school, url)
    names = ("content-type", "x-content-type-options", "cache-control", "accept-ranges", "content-disposition")
    assert [answer.headers[name] for name in names] == [
        "video/mp4",
        "nosniff",
        "private, no-store",
        "bytes",
        "inline; filename=\"Uber.mp4\"; filename*=UTF-8''%C3%9Cber.mp4",
    ]
    again = await read(instructor, school, url, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    beyond = await read(instructor, school, url, Range="bytes=600000-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "kernel.range_not_satisfiable")


async def test_address_serves_its_session_alone(school: School, instructor: Person, url: str) -> None:
    stranger = await school.client()
    assert (await stranger.get(f"http://{school.host}{url}")).status_code == 401
    for person in (await school.person("admin"), await school.person("student")):
        answer = await read(person, school, url)
        assert (answer.status_code, answer.json()["code"]) == (403, "media.address_of_another")
    signed_in = await stranger.post("/auth/login", json={"email": instructor.email, "password": PASSWORD})
    stranger.cookies.clear()
    stranger.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
    answer = await stranger.get(f"http://{school.host}{url}")
    assert (answer.status_code, answer.json()["code"]) == (403, "media.address_of_another")


async def test_address_ends_with_its_session(school: School, instructor: Person, url: str) -> None:
    assert (await instructor.post("/auth/logout")).status_code == 204
    assert (await read(instructor, school, url)).status_code == 401


async def test_address_ends_after_four_hours(
    school: School, instructor: Person, url: str, fake_clock: FakeClock
) -> None:
    tokens = school.deployment.tokens
    claims = tokens.verify(instructor.client.headers["Authorization"].removeprefix("Bearer "))
    answers = []
    for minutes in (239, 2):
        fake_clock.advance(minutes=minutes)
        token, _ = tokens.issue(
            user_id=claims.user_id, tenant_id=school.id, session_id=claims.session, role="instructor", patterns=[]
        )
        answer = await read(instructor, school, url, Authorization=f"Bearer {token}")
        answers.append((answer.status_code, answer.json()["code"] if answer.status_code != 200 else None))
    assert answers == [(200, None), (403, "kernel.media_url_expired")]


async def test_altered_address_is_refused(school: School, instructor: Person, url: str) -> None:
    for name, values in parse_qs(urlsplit(url).query).items():
        value = values[0]
        other = {"d": "a", "t": "text/html"}.get(name, value[:-1] + ("1" if value[-1] != "1" else "2"))
        plain = url.replace("%C3%9C", "Ü").replace("%2F", "/")
        altered = plain.replace(f"{name}={value}", f"{name}={other}")
        assert altered != plain
        answer = await read(instructor, school, altered)
        assert (name, answer.status_code, answer.json()["code"]) == (name, 403, "kernel.media_url_invalid")


async def test_parameters_cannot_be_left_out_or_added(school: School, instructor: Person, url: str) -> None:
    path, _, query = url.partition("?")
    for changed in (path, f"{url}&x=1", f"{path}?{query.replace('d=i', 'd=i&d=a')}"):
        assert (await read(instructor, school, changed)).status_code == 403


async def test_address_is_for_reading(school: School, instructor: Person, url: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await read(instructor, school, url, method)).status_code == 405


async def test_address_of_another_school_is_nothing(
    school: School, other_school: School, instructor: Person, url: str
) -> None:
    foreigner = await other_school.person("admin")
    answer = await read(foreigner, other_school, url)
    assert (answer.status_code, answer.json()["code"]) == (404, "media.file_not_found")
    assert (await read(foreigner, school, url)).status_code == 401
    assert (await read(foreigner, other_school, "/media/../etc/passwd")).status_code == 404


async def test_address_of_a_file_that_is_gone_is_nothing(school: School, instructor: Person) -> None:
    claims = school.deployment.tokens.verify(instructor.client.headers["Authorization"].removeprefix("Bearer "))
    signed = sign_media_url(
        school.deployment.keyring,
        tenant_id=school.id,
        user_id=claims.user_id,
        session_id=claims.session,
        key=f"{school.id}/{new_id()}.mp4",
        expires_at=clock.now() + timedelta(minutes=1),
        content_type="video/mp4",
    )
    answer = await read(instructor, school, signed)
    assert (answer.status_code, answer.json()["code"]) == (404, "media.file_not_found")
