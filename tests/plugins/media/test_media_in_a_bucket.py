"""Uploads and signed addresses with files in S3: the same checks by us, the bytes from there."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from kernel.testing import App, AppFactory, Person, School
from tests.plugins.media.conftest import form, mp4, picture, read, upload
from tests.plugins.media.films import film, lines, playback
from tests.plugins.media.test_media_resuming import begun, send
from tests.s3 import S3Server, s3_server

__all__ = ["s3_server"]

CONTENT = mp4(600_000)


@pytest.fixture(scope="module")
async def app(app_with: AppFactory, s3_server: S3Server) -> App:
    """Media and what it needs, on a bucket."""
    return await app_with("media", storage_url=s3_server.new_url())


async def test_an_address_leads_to_the_bucket_and_only_its_session_is_led(
    school: School, instructor: Person, student: Person, anonymous: httpx.AsyncClient, s3_server: S3Server
) -> None:
    url = str((await upload(instructor, CONTENT, "Über.mp4"))["url"])

    redirect = await read(instructor, school, url)
    assert (redirect.status_code, redirect.content) == (302, b"")
    assert redirect.headers["cache-control"] == "private, no-store"
    location = redirect.headers["location"]
    assert urlsplit(location).netloc == f"127.0.0.1:{s3_server.port}"
    async with httpx.AsyncClient() as browser:
        part = await browser.get(location, headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, CONTENT[1000:2000])
    assert part.headers["content-type"] == "video/mp4"
    assert (await read(student, school, url)).status_code == 403
    assert (await anonymous.get(f"http://{school.host}{url}")).status_code == 401


async def test_thumbnails_are_in_the_bucket_too(school: School, student: Person) -> None:
    file = await upload(student, picture(1000, 500), kind="image")
    redirect = await read(student, school, file["thumbnails"]["w320.webp"])
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(redirect.headers["location"])
    assert (answer.headers["content-type"], answer.content[8:12]) == ("image/webp", b"WEBP")
    storage: Any = school.deployment.storage
    keys = sorted([key async for key in storage.list_keys(f"{school.id}/")])
    stem = f"{school.id}/{file['id']}"
    assert keys == [f"{stem}.png", f"{stem}/w320.webp", f"{stem}/w640.webp"]


async def test_a_resumed_upload_comes_together_in_the_bucket(school: School, instructor: Person) -> None:
    path = await begun(instructor, len(CONTENT))
    for start, end in ((0, 1000), (1000, 400_000), (400_000, len(CONTENT))):
        assert (await send(instructor, path, start, CONTENT[start:end])).status_code == 204
    file = (await instructor.get(path)).json()["file"]
    async with httpx.AsyncClient() as browser:
        redirect = await read(instructor, school, file["url"])
        assert (await browser.get(redirect.headers["location"])).content == CONTENT
    storage: Any = school.deployment.storage
    assert [key async for key in storage.list_keys(f"{school.id}/")] == [f"{school.id}/{file['id']}.mp4"]


async def test_a_refused_upload_leaves_nothing_in_the_bucket(school: School, instructor: Person) -> None:
    refused = await instructor.post("/upload/video", files=form(b"<html>", "page.mp4"))

    assert refused.status_code in (400, 415)
    storage: Any = school.deployment.storage
    assert [key async for key in storage.list_keys(f"{school.id}/")] == []


async def test_without_redirects_we_send_ranges_ourselves(app_with: AppFactory, s3_server: S3Server) -> None:
    app = await app_with("media", storage_url=s3_server.new_url(), storage_redirect=False)
    school = await app.school()
    instructor = await school.person("instructor")
    url = str((await upload(instructor, CONTENT))["url"])

    part = await read(instructor, school, url, Range="bytes=262000-300000")
    assert (part.status_code, part.content) == (206, CONTENT[262_000:300_001])
    beyond = await read(instructor, school, url, Range="bytes=600000-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "kernel.range_not_satisfiable")


async def test_a_bucket_that_is_away_is_503_with_a_time_to_come_back(app_with: AppFactory) -> None:
    nowhere = "s3://key:secret@127.0.0.1:9/bucket?secure=0"
    app = await app_with("media", storage_url=nowhere)
    school = await app.school()
    instructor = await school.person("instructor")

    refused = await instructor.post("/upload/video", files=form(CONTENT))

    assert (refused.status_code, refused.json()["code"]) == (503, "kernel.storage_unavailable")
    assert refused.headers["retry-after"] == "5"


async def test_segments_of_a_video_come_from_the_bucket(school: School, instructor: Person) -> None:
    file = await upload(instructor, film(seconds=7))
    await school.settle()
    master = await lines(instructor, school, (await playback(school, instructor, file)).url)
    variant = await lines(instructor, school, master[4])
    size, start = [line for line in variant if line.startswith("#EXT-X-BYTERANGE")][-1].partition(":")[2].split("@")
    redirect = await read(instructor, school, variant[-2])
    assert redirect.status_code == 302
    async with httpx.AsyncClient() as browser:
        span = {"Range": f"bytes={start}-{int(start) + int(size) - 1}"}
        part = await browser.get(redirect.headers["location"], headers=span)
    assert (part.status_code, len(part.content), part.headers["content-type"]) == (206, int(size), "video/mp2t")
    storage: Any = school.deployment.storage
    assert len([key async for key in storage.list_keys(f"{school.id}/")]) == 4
