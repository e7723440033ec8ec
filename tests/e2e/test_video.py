"""A video from a browser's form to a browser's screen: uploaded by tus, made ready, watched by a student as HLS."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, Response

from tests.browser import browser
from tests.e2e.conftest import Server
from tests.node import MODULES
from tests.plugins.media.films import FASTSTART, H264, film

__all__ = ["browser"]

TUS = MODULES / "tus-js-client" / "dist" / "tus.min.js"
PASSWORD = "Collegium-demo-1!"
PAGE = "<!doctype html><title>Video</title><form><input type=file id=file></form><video id=video muted></video>"
SECONDS = 13
READY_S = 120
_ASK = """async ([method, path, body]) => {
    const answer = await fetch('/api/v1' + path, {
        method, body: body === null ? undefined : JSON.stringify(body), headers: {'Content-Type': 'application/json'},
    })
    if (!answer.ok) throw new Error(method + ' ' + path + ': ' + answer.status + ' ' + await answer.text())
    return answer.status === 204 ? null : await answer.json()
}"""
_UPLOAD = """async () => {
    const url = await new Promise((resolve, reject) => {
        const upload = new tus.Upload(document.getElementById('file').files[0], {
            endpoint: '/api/v1/upload/tus',
            chunkSize: 2_000_000,
            metadata: {purpose: 'video', filename: 'lesson.mp4'},
            onError: reject,
            onSuccess: () => resolve(upload.url),
        })
        upload.start()
    })
    return await (await fetch(url, {headers: {'Tus-Resumable': '1.0.0'}})).json()
}"""
_PLAY = """async ([url, from]) => {
    const video = document.getElementById('video')
    video.src = url
    await new Promise((resolve, reject) => {
        video.onloadedmetadata = resolve
        video.onerror = () => reject(new Error(video.error.message))
    })
    video.currentTime = from
    await video.play()
    await new Promise((resolve, reject) => {
        video.onerror = () => reject(new Error(video.error.message))
        video.ontimeupdate = () => { if (video.currentTime > from + 0.5) resolve() }
    })
    video.pause()
    return {width: video.videoWidth, duration: video.duration, at: video.currentTime}
}"""


async def ask(page: Page, method: str, path: str, body: Any = None) -> Any:
    """Have the page call the API, with its cookie."""
    return await page.evaluate(_ASK, [method, path, body])


async def page_of(browser: Browser, server: Server, email: str) -> Page:
    """Return a page of the server's own origin on which somebody has signed in."""
    page = await (await browser.new_context()).new_page()
    await page.route(f"{server.url}/a-page", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    await page.goto(f"{server.url}/a-page")
    await ask(page, "POST", "/auth/login", {"email": email, "password": PASSWORD})
    return page


async def uploaded(page: Page, path: Path) -> dict[str, Any]:
    """Upload a file by the page's form, and wait until it is ready."""
    await page.add_script_tag(path=TUS)
    await page.set_input_files("#file", path)
    file: dict[str, Any] = (await page.evaluate(_UPLOAD))["file"]
    assert file["size"] == path.stat().st_size  # noqa: ASYNC240 - a test
    async with asyncio.timeout(READY_S):
        while True:
            task = await ask(page, "GET", f"/tasks/{file['processing']['task_id']}")
            if task["status"] in ("done", "failed"):
                break
            await asyncio.sleep(0.2)
    assert (task["status"], task["result"]["status"]) == ("done", "done")
    return file


async def course_with(page: Page, file_id: str) -> tuple[str, str]:
    """Publish a course that shows the file; return the ids of course and video."""
    course = await ask(page, "POST", "/courses", {"title": "Seen in a browser", "requires_code": False})
    section = await ask(page, "POST", f"/courses/{course['id']}/sections", {"title": "One"})
    wanted = {"title": "Watch", "video_type": "server_upload", "file_id": file_id}
    video = await ask(page, "POST", f"/sections/{section['id']}/videos", wanted)
    assert video["duration_seconds"] == SECONDS
    await ask(page, "POST", f"/courses/{course['id']}/publish")
    return course["id"], video["id"]


async def walk(browser: Browser, server: Server, path: Path, *widths: int) -> None:
    """Upload the file, and watch it as a student of its course."""
    teacher = await page_of(browser, server, "instructor@example.com")
    file = await uploaded(teacher, path)
    course_id, video_id = await course_with(teacher, file["id"])
    captions = {"Content-Type": "text/vtt"}
    vtt = "WEBVTT\n\n00:00:00.000 --> 00:00:13.000\nA saw\n"
    put = "async ([path, body, headers]) => (await fetch('/api/v1' + path, {method: 'PUT', body, headers})).status"
    assert await teacher.evaluate(put, [f"/videos/{video_id}/captions/en", vtt, captions]) == 200

    student = await page_of(browser, server, "student@example.com")
    await ask(student, "POST", f"/courses/{course_id}/enroll")
    stream = await ask(student, "GET", f"/videos/{video_id}/stream")
    seen: list[Response] = []
    student.on("response", lambda response: seen.append(response))  # noqa: PLW0108 - Playwright marks what it is given
    shown = await student.evaluate(_PLAY, [stream["url"], 0])
    # A browser that is short of time takes the smaller quality.
    assert shown["width"] in widths
    assert round(shown["duration"]) == SECONDS
    later = await student.evaluate(_PLAY, [stream["url"], 9])
    assert later["at"] > 9.5
    names = [response.url.partition("?")[0].rpartition("/")[2] for response in seen]
    assert "master.m3u8" in names
    assert "hls.key" in names
    assert any(name.endswith("p.ts") for name in names)

    plain = await student.evaluate(_PLAY, [stream["fallback_url"], 5])
    assert plain["at"] > 5.5
    poster = await student.evaluate("async url => (await (await fetch(url)).blob()).type", stream["poster_url"])
    assert poster == "image/webp"
    heard = await student.evaluate(
        """async ([url, captions]) => {
            const video = document.getElementById('video'), track = document.createElement('track')
            track.src = captions
            track.default = true
            video.append(track)
            track.track.mode = 'hidden'
            await new Promise((resolve, reject) => { track.onload = resolve; track.onerror = reject })
            return track.track.cues[0].text
        }""",
        [stream["url"], stream["captions"][0]["url"]],
    )
    assert heard == "A saw"
    # What is on the wire is no video: a stream of packets would begin each of them with the letter G.
    segment = next(response for response in seen if response.url.partition("?")[0].endswith("p.ts"))
    content = await student.evaluate(
        "async url => Array.from(new Uint8Array(await (await fetch(url)).arrayBuffer()).slice(0, 1880))", segment.url
    )
    assert [content[at] for at in range(0, 1880, 188)] != [0x47] * 10

    # Somebody else's browser plays none of it.
    other = await page_of(browser, server, "instructor@example.com")
    for url in (stream["url"], segment.url, stream["fallback_url"]):
        assert await other.evaluate("async url => (await fetch(url)).status", url) == 403
    async with httpx.AsyncClient() as stranger:
        assert (await stranger.get(server.url + stream["url"])).status_code == 401


def a_noisy_film(folder: Path, size: str, quantizer: int) -> Path:
    """Write a video that cannot be made small."""
    path = folder / "lesson.mp4"
    noise = ("-vf", "noise=alls=60:allf=t", *H264, "-qp", str(quantizer), *FASTSTART)
    path.write_bytes(film(*noise, size=size, seconds=SECONDS))
    return path


async def test_video_goes_from_a_form_to_a_screen(browser: Browser, demo_server: Server, tmp_path: Path) -> None:
    path = a_noisy_film(tmp_path, "320x180", 36)
    assert 3_000_000 < path.stat().st_size < 12_000_000
    await walk(browser, demo_server, path, 320)


@pytest.mark.nightly
async def test_hundred_megabytes_go_from_a_form_to_a_screen(
    browser: Browser, demo_server: Server, tmp_path: Path
) -> None:
    path = a_noisy_film(tmp_path, "1280x720", 30)
    assert path.stat().st_size > 100_000_000
    await walk(browser, demo_server, path, 640, 1280)
