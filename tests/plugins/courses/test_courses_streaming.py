"""Watching an uploaded video: every address of its stream, for everyone; captions, watermark, length."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from kernel.testing import PASSWORD, FakeClock, Person, School
from tests.plugins.courses.conftest import Course, ask, draft, refused
from tests.plugins.media.conftest import mp4, read, upload
from tests.plugins.media.films import film, lines, watched

VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nA hammer\n"
SRT = "1\r\n00:00:00,000 --> 00:00:01,000\r\nA hammer\r\n"


@pytest.fixture
async def course(school: School, instructor: Person) -> Course:
    """A published course with a video that is ready; nobody has said how long it lasts."""
    file = await upload(instructor, film())
    await school.settle()
    made = await draft(instructor)
    await made.add_section()
    body = {"title": "Saw", "video_type": "server_upload", "file_id": file["id"]}
    video = await ask(instructor, "POST", f"{made.sections[0]}/videos", status=201, json=body)
    made.videos.append(f"/videos/{video['id']}")
    return await made.publish()


@pytest.fixture
async def enrolled(course: Course, school: School) -> Person:
    """A student of the course."""
    person = await school.person("student")
    await ask(person, "POST", f"{course.path}/enroll", status=201)
    return person


async def addresses(person: Person, school: School, course: Course) -> dict[str, str]:
    """Return every address by which somebody watches the video."""
    stream = await ask(person, "GET", f"{course.videos[0]}/stream")
    master = await lines(person, school, stream["url"])
    variant = await lines(person, school, master[4])
    key = next(line for line in variant if line.startswith("#EXT-X-KEY"))
    return {
        "master": stream["url"],
        "variant": master[4],
        "segment": next(line for line in variant if line.startswith("/media/")),
        "key": key.partition('"')[2].rstrip('"'),
        "fallback": stream["fallback_url"],
        "poster": stream["poster_url"],
        **{f"captions {each['language']}": each["url"] for each in stream["captions"]},
    }


async def put_captions(person: Person, course: Course, text: str = VTT, language: str = "en") -> Any:
    """Give the video captions."""
    path, headers = f"{course.videos[0]}/captions/{language}", {"Content-Type": "text/vtt"}
    return await ask(person, "PUT", path, content=text.encode(), headers=headers)


async def test_stream_is_hls_with_everything_that_a_player_needs(
    school: School, instructor: Person, course: Course, enrolled: Person
) -> None:
    assert (await ask(enrolled, "GET", course.videos[0]))["duration_seconds"] == 2
    stream = await ask(enrolled, "GET", f"{course.videos[0]}/stream")
    assert sorted(stream) == ["captions", "expires_at", "fallback_url", "poster_url", "type", "url"]
    assert stream["type"] == "hls"
    variant = await lines(enrolled, school, (await lines(enrolled, school, stream["url"]))[4])
    assert (await watched(enrolled, school, variant))[:1] == b"G"
    assert (await read(enrolled, school, stream["fallback_url"])).content == film()


async def test_every_address_serves_its_session_alone(
    school: School, other_school: School, instructor: Person, student: Person, course: Course, enrolled: Person
) -> None:
    await put_captions(instructor, course)
    classmate, stranger, again = await school.person("student"), await school.client(), await school.client()
    await ask(classmate, "POST", f"{course.path}/enroll", status=201)
    signed_in = await again.post("/auth/login", json={"email": enrolled.email, "password": PASSWORD})
    again.cookies.clear()
    again.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
    foreigner = await other_school.person("student")
    found = await addresses(enrolled, school, course)
    assert sorted(found) == ["captions en", "fallback", "key", "master", "poster", "segment", "variant"]
    for name, url in found.items():
        assert ((await read(enrolled, school, url)).status_code, name) == (200, name)
        head = await read(enrolled, school, url, "HEAD")
        assert (head.status_code, head.content) == (200, b"")
        assert ((await stranger.get(f"http://{school.host}{url}")).status_code, name) == (401, name)
        for person in (student, classmate, instructor):
            refusal = await read(person, school, url)
            assert (refusal.status_code, refusal.json()["code"]) == (403, "media.address_of_another")
        refusal = await again.get(f"http://{school.host}{url}")
        assert (refusal.status_code, refusal.json()["code"]) == (403, "media.address_of_another")
        assert (await read(foreigner, other_school, url)).status_code == 404
        end = "0" if url[-1] != "0" else "1"
        for altered in (url[:-1] + end, url.partition("?")[0], re.sub("e=[0-9]+", "e=9999999999", url)):
            refusal = await read(enrolled, school, altered)
            assert (refusal.status_code, refusal.json()["code"]) == (403, "kernel.media_url_invalid")
    # An address of one thing opens no other.
    moved = found["master"].replace("master.m3u8", "hls.key")
    assert (await read(enrolled, school, moved)).json()["code"] == "kernel.media_url_invalid"


async def test_addresses_in_playlists_end_when_the_playlist_does(
    school: School, course: Course, enrolled: Person, fake_clock: FakeClock
) -> None:
    found = await addresses(enrolled, school, course)
    assert len({re.search("e=([0-9]+)", url)[1] for url in found.values()}) == 1  # type: ignore[index]
    tokens = school.deployment.tokens
    claims = tokens.verify(enrolled.client.headers["Authorization"].removeprefix("Bearer "))
    fake_clock.advance(minutes=241)
    token, _ = tokens.issue(
        user_id=claims.user_id, tenant_id=school.id, session_id=claims.session, role="student", patterns=[]
    )
    for url in found.values():
        refusal = await read(enrolled, school, url, Authorization=f"Bearer {token}")
        assert (refusal.status_code, refusal.json()["code"]) == (403, "kernel.media_url_expired")


async def test_key_is_for_who_may_watch_right_now(
    school: School, instructor: Person, admin: Person, course: Course, enrolled: Person
) -> None:
    for person in (instructor, admin):
        assert len((await read(person, school, (await addresses(person, school, course))["key"])).content) == 16
    found = await addresses(enrolled, school, course)
    key = await read(enrolled, school, found["key"])
    assert (len(key.content), key.headers["cache-control"]) == (16, "private, no-store")
    await ask(enrolled, "DELETE", f"{course.path}/enroll", status=204)
    refusal = await read(enrolled, school, found["key"])
    assert (refusal.status_code, refusal.json()["code"]) == (403, "media.may_not_watch")
    await ask(instructor, "PATCH", course.videos[0], json={"is_preview": True})
    assert (await read(enrolled, school, found["key"])).content == key.content
    await ask(instructor, "PATCH", course.videos[0], json={"is_published": False})
    assert (await read(enrolled, school, found["key"])).status_code == 403
    await school.switch_off("courses")
    assert (await read(admin, school, found["key"])).status_code == 403
    assert (await enrolled.post("/auth/logout")).status_code == 204
    for url in found.values():
        assert (await read(enrolled, school, url)).status_code == 401


async def test_pages_of_other_sites_get_no_playlist_and_no_key(
    school: School, course: Course, enrolled: Person
) -> None:
    browser = await school.client()
    await browser.post("/auth/login", json={"email": enrolled.email, "password": PASSWORD})
    stream = (await browser.get(f"{course.videos[0]}/stream")).json()
    master = f"http://{school.host}{stream['url']}"
    for headers in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": f"http://{school.host}"}):
        assert (await browser.get(master, headers=headers)).status_code == 200
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
    ):
        refusal = await browser.get(master, headers=headers)
        assert (refusal.status_code, refusal.json()["code"]) == (403, "media.foreign_page")


async def test_captions_are_put_listed_shown_and_removed(
    school: School, instructor: Person, course: Course, enrolled: Person
) -> None:
    path = f"{course.videos[0]}/captions"
    assert await ask(enrolled, "GET", path) == []
    srt = {"Content-Type": "application/x-subrip; charset=utf-8"}
    answer = await ask(instructor, "PUT", f"{path}/ar", content=SRT.encode(), headers=srt)
    assert answer == {"language": "ar", "label": "العربية"}
    await put_captions(instructor, course, VTT.replace("hammer", "nail"), "pt-BR")
    await put_captions(instructor, course, VTT, "pt-BR")
    assert [each["language"] for each in await ask(enrolled, "GET", path)] == ["ar", "pt-BR"]
    for track in (await ask(enrolled, "GET", f"{course.videos[0]}/stream"))["captions"]:
        shown = await read(enrolled, school, track["url"])
        assert (shown.headers["content-type"], shown.text) == ("text/vtt; charset=utf-8", VTT)
    await ask(instructor, "DELETE", f"{path}/ar", status=204)
    assert await refused(instructor, "DELETE", f"{path}/ar", status=404) == "media.captions_not_found"
    assert [each["language"] for each in await ask(enrolled, "GET", path)] == ["pt-BR"]
    noted = [entry.action for entry in await school.audit_log("media.files")]
    assert noted[-4:] == ["media.captions.put"] * 3 + ["media.captions.removed"]


async def test_captions_that_cannot_be_are_refused(school: School, instructor: Person, course: Course) -> None:
    path, vtt = f"{course.videos[0]}/captions", {"Content-Type": "text/vtt"}
    for language, text, headers, status, code in (
        ("English!", VTT, vtt, 400, "kernel.invalid"),
        ("en", "nothing", vtt, 400, "media.captions_invalid"),
        ("en", VTT, {"Content-Type": "text/html"}, 415, "kernel.unsupported_media_type"),
        ("en", "x" * 2_000_000, vtt, 413, "kernel.too_large"),
    ):
        where = f"{path}/{language}"
        assert await refused(instructor, "PUT", where, status=status, content=text.encode(), headers=headers) == code
    elsewhere = await course.add_video()
    where = f"{elsewhere}/captions/en"
    refusal = await refused(instructor, "PUT", where, status=409, content=VTT.encode(), headers=vtt)
    assert refusal == "courses.captions_need_file"
    colleague = await school.person("instructor")
    for person, status in ((colleague, 404), (await school.person("student"), 403)):
        answer = await person.request("PUT", f"{path}/en", content=VTT.encode(), headers=vtt)
        assert answer.status_code == status
    answer = await instructor.request("PUT", f"/videos/{uuid4()}/captions/en", content=VTT.encode(), headers=vtt)
    assert answer.status_code == 404


async def test_player_is_told_who_watches_where_the_school_wants_it(new_school: Any) -> None:
    school = await new_school(settings={"media": {"watermark": "name"}})
    instructor = await school.person("instructor")
    file = await upload(instructor, film())
    course = await draft(instructor)
    await course.add_section()
    video = await course.add_video(video_type="server_upload", video_url=None, file_id=file["id"])
    me = await ask(instructor, "GET", "/users/me")
    stream = await ask(instructor, "GET", f"{video}/stream")
    # It is not ready yet, so it is watched as it came.
    assert (stream["type"], stream["watermark"]) == ("file", f"{me['first_name']} {me['last_name']}")


async def test_length_must_be_said_until_the_server_has_looked(school: School, instructor: Person) -> None:
    broken, good = await upload(instructor, mp4()), await upload(instructor, film(seconds=3))
    course = await draft(instructor)
    section = await course.add_section()
    body = {"title": "V", "video_type": "server_upload"}
    for file in (broken, good):
        answer = await ask(instructor, "POST", f"{section}/videos", status=400, json=body | {"file_id": file["id"]})
        assert (answer["code"], answer["errors"][0]["field"]) == ("courses.duration_unknown", "duration_seconds")
    link = {"title": "V", "video_type": "external", "video_url": "https://example.com/"}
    assert await refused(instructor, "POST", f"{section}/videos", status=400, json=link) == "courses.duration_unknown"
    await school.settle()
    path = f"{section}/videos"
    made = await ask(instructor, "POST", path, status=201, json=body | {"file_id": good["id"]})
    assert made["duration_seconds"] == 3
    other = await course.add_video(video_type="server_upload", video_url=None, file_id=broken["id"], seconds=10)
    changed = await ask(instructor, "PATCH", other, json={"file_id": good["id"]})
    assert changed["duration_seconds"] == 3


async def test_streams_take_few_queries(
    instructor: Person, course: Course, school: School, enrolled: Person, query_count: Callable[[], int]
) -> None:
    async def cost(url: str) -> int:
        before = query_count()
        answer = await read(enrolled, school, url)
        assert answer.status_code == 200
        return query_count() - before

    for language in ("ar", "en", "fr"):
        before = query_count()
        await ask(enrolled, "GET", f"{course.videos[0]}/stream")
        assert query_count() - before == 5
        await put_captions(instructor, course, language=language)
    found = await addresses(enrolled, school, course)
    assert [await cost(found[name]) for name in ("master", "variant", "segment", "key", "captions en")] == [
        1,
        1,
        1,
        2,
        1,
    ]
