"""A lesson in a real browser: a real video plays as HLS, is counted and resumed; a code opens one in its place."""

import json
from typing import Any

from playwright.async_api import BrowserContext, Page, Route, expect

from kernel.testing import Person, School
from tests.browser import browser  # noqa: F401 - a fixture
from tests.plugins.courses.conftest import Course, ask, draft
from tests.plugins.media.conftest import mp4, upload
from tests.plugins.media.films import film
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture
from tests.plugins.portal.test_portal_in_every_look import listen

SECONDS = 16
VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:06.000\nA <b>saw</b>\n\n00:00:06.000 --> 00:00:16.000\nAnother one\n"
UPLOADED = {"video_type": "server_upload", "video_url": None}
# What their player would be: it tells where it stands once it has been asked to.
YOUTUBE = """<!doctype html><title>Frame</title><script>addEventListener("message", ({ data, source, origin }) => {
  if (JSON.parse(data).event !== "listening") return;
  const tell = (info) => source.postMessage(JSON.stringify({ event: "infoDelivery", info }), origin);
  tell({ playerState: 1, currentTime: 0 });
  for (let at = 0; at <= 40; at += 2) tell({ currentTime: at });
  tell({ playerState: 2, currentTime: 40 });
})</script>"""


async def shown(context: BrowserContext, path: str) -> Page:
    """Return a page whose modules run."""
    page = await context.new_page()
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")
    return page


def lesson_of(course: Course, number: int) -> str:
    return f"/learn/{course.made['slug']}/{course.videos[number].rpartition('/')[2]}"


async def progress_of(person: Person, course: Course, number: int) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(person, "GET", course.videos[number]))["progress"]
    return found


async def filmed(school: School, instructor: Person) -> Course:
    """Return a course of a real lesson, one behind a code, and one that is not made ready yet."""
    course = await draft(instructor, title="Sawing")
    await course.add_section(title="Tools")
    file = (await upload(instructor, film(size="320x180", seconds=SECONDS)))["id"]
    await school.settle()
    await course.add_video(title="The saw", file_id=file, seconds=SECONDS, **UPLOADED)
    await course.add_video(title="The plane", requires_code=True)
    late = (await upload(instructor, mp4()))["id"]
    await course.add_video(title="The vice", file_id=late, seconds=SECONDS, **UPLOADED)
    put = await instructor.put(f"{course.videos[0]}/captions/en", content=VTT, headers={"Content-Type": "text/vtt"})
    assert put.status_code == 200, put.text
    return await course.publish()


async def at(page: Page) -> float:
    found: float = await page.evaluate("document.querySelector('[data-screen]').currentTime")
    return found


async def _until(page: Page, condition: str, value: float) -> None:
    # Not `wait_for_function`, which needs what the page's policy forbids.
    await page.evaluate(
        f"""value => new Promise((done) => {{
          const video = document.querySelector("[data-screen]");
          const look = () => (({condition}) ? done() : setTimeout(look, 20));
          look();
        }})""",
        value,
    )


async def plays_until(page: Page, second: float) -> None:
    await _until(page, "video.currentTime >= value", second)


async def test_a_lesson_plays_is_counted_and_resumed_by_keyboard_alone(
    site: Site,  # noqa: F811
    school: School,
    instructor: Person,
    student: Person,
) -> None:
    admin = await school.person("admin")
    await ask(admin, "PATCH", "/settings", json={"media": {"watermark": "name"}})
    course = await filmed(school, instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    context = await site.visit(person=student)
    page = await context.new_page()
    said, asked = listen(page), []
    page.on("request", lambda request: asked.append(request.url.partition("?")[0].rpartition("/")[2]))
    await page.goto(f"/learn/{course.made['slug']}")
    await page.wait_for_selector("html[data-ready]")
    assert page.url == f"{site.origin}{lesson_of(course, 0)}"
    me = await ask(student, "GET", "/users/me")
    await expect(page.locator(".watermark")).to_have_text(f"{me['first_name']} {me['last_name']}")
    assert await page.locator("[data-screen][controls]").count() == 0

    # It plays as HLS, twice as fast as it was filmed.
    for key in (">", ">", ">", ">", "c", "k"):
        await page.keyboard.press(key)
    await plays_until(page, 6.5)
    await page.keyboard.press("k")
    await expect(page.locator("[data-watched]")).not_to_have_text("0% watched")
    assert {"master.m3u8", "hls.key"} <= set(asked)
    assert await page.evaluate("document.querySelector('[data-screen]').playbackRate") == 2
    assert await page.evaluate("document.querySelector('[data-screen]').textTracks[0].mode") == "showing"
    seen = await progress_of(student, course, 0)
    assert 5 <= seen["watched_seconds"] < SECONDS
    assert abs(seen["last_position"] - await at(page)) <= 1

    # Left and opened again it goes on a little before, with the speed and captions of before.
    await page.close()
    page = await shown(context, lesson_of(course, 0))
    said += listen(page)
    await expect(page.locator("[data-toasts]")).to_contain_text("Resumed at 0:0")
    await _until(page, "video.readyState > value && !video.seeking", 1)
    assert abs(await at(page) - (seen["last_position"] - 3)) < 0.5
    assert await page.evaluate("document.querySelector('[data-screen]').playbackRate") == 2
    assert (await progress_of(student, course, 0))["last_position"] == seen["last_position"]

    # The transcript is a list of buttons, walked by arrows; each plays from there.
    await page.keyboard.press("t")
    lines = page.locator("[data-transcript] button")
    await expect(lines).to_have_text(["0:00A saw", "0:06Another one"])
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(lines.first).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(lines.nth(1)).to_be_focused()
    await page.keyboard.press("0")
    await page.keyboard.press("Enter")
    await plays_until(page, 6)

    # At its end the badge, the outline and what is heard say that it is done, and the next one is offered.
    await expect(page.locator("[data-end]")).to_contain_text("Next: The plane", timeout=15_000)
    await expect(page.locator("[data-watched]")).to_have_text("Done")
    await expect(page.locator("[data-heard]")).to_have_text("Lesson done, 1 of 3.")
    await expect(page.locator("aside [data-done-count]")).to_have_text("1 of 3 done")
    await expect(page.locator("aside [aria-current=page]")).to_have_class("done")
    assert (await progress_of(student, course, 0))["is_completed"]
    assert said == []


async def test_a_code_opens_a_lesson_in_its_place(
    site: Site,  # noqa: F811
    school: School,
    instructor: Person,
    student: Person,
) -> None:
    course = await filmed(school, instructor)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    plan = (await upload(instructor, b"A plan", "plan.txt", kind="file"))["id"]
    for material in (
        {"title": "The plan", "file_id": plan},
        {"title": "A shop", "external_url": "https://example.com/shop"},
    ):
        await ask(instructor, "POST", "/materials", status=201, json={"course_id": str(course.id), **material})
    order = {"type": "single_use", "video_id": course.videos[1].rpartition("/")[2], "count": 1}
    code = (await ask(instructor, "POST", "/access-codes/generate", status=201, json=order))["items"][0]["code"]
    context = await site.visit(width=390, person=student)
    page = await shown(context, lesson_of(course, 0))
    said = listen(page)
    await page.get_by_role("link", name="Course content").click()
    sheet = page.get_by_role("dialog", name="Course content")
    await sheet.get_by_role("link", name="The plane").click()
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_label("Access code").fill(code.lower().replace("-", " "))
    await page.get_by_role("button", name="Use this code").click()
    await expect(page.get_by_role("link", name="Open the video")).to_have_attribute("target", "_blank")
    await page.get_by_role("button", name="I have watched it").click()
    await expect(page.locator("[data-watched]")).to_have_text("Done")

    # A material is saved, and counted by that; a link opens beside the page.
    await page.goto(f"/learn/{course.made['slug']}/materials")
    await page.wait_for_selector("html[data-ready]")
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Download The plan").click()
    assert (await saved.value).suggested_filename == "plan.txt"
    async with context.expect_page() as beside:
        await page.get_by_role("button", name="Open A shop").click()
    await (await beside.value).wait_for_url("https://example.com/shop")
    counted = await ask(instructor, "GET", f"/materials?course_id={course.id}")
    assert [each["download_count"] for each in counted["items"]] == [1, 1]
    await page.go_back()
    await page.wait_for_selector("html[data-ready]")

    # One that is being made ready comes by itself.
    await page.get_by_role("link", name="Next lesson").click()
    await expect(page.locator("[data-preparing]")).to_contain_text("Being prepared, 0%")
    await school.settle()
    await expect(page.locator("[data-preparing]")).to_have_count(0, timeout=10_000)
    assert said == []


async def test_what_goes_wrong_loses_nothing(
    site: Site,  # noqa: F811
    school: School,
    instructor: Person,
    student: Person,
) -> None:
    course = await filmed(school, instructor)
    youtube = {"video_type": "youtube_private", "youtube_id": "abcdefghijk", "video_url": None}
    await course.add_video(title="A film of others", seconds=40, **youtube)
    await ask(student, "POST", f"{course.path}/enroll", status=201)
    context = await site.visit(person=student)

    # HLS that cannot be read is replaced by the MP4.
    page = await context.new_page()
    await page.route("**/master.m3u8*", lambda route: route.fulfill(status=403, body=""))
    await page.goto(lesson_of(course, 0))
    await page.wait_for_selector("html[data-ready]")
    for key in (">", ">", ">", ">", "k"):
        await page.keyboard.press(key)
    await plays_until(page, 1)
    assert "m3u8" not in await page.evaluate("document.querySelector('[data-screen]').currentSrc")

    # Addresses that have expired are asked for anew, once; then it is said, with a way to try again.
    await page.close()
    page = await context.new_page()
    await page.emulate_media(reduced_motion="no-preference")
    await page.clock.install()
    refused = True

    async def expired(route: Route) -> None:
        await (route.fulfill(status=403, body="") if refused else route.continue_())

    await page.route("**/media/**", expired)
    await page.goto(lesson_of(course, 0))
    await page.wait_for_selector("html[data-ready]")
    failed = page.locator("[data-failed]")
    await expect(failed).to_be_visible()
    refused = False
    await failed.get_by_role("button", name="Try again").click()
    await expect(failed).to_be_hidden()
    await _until(page, "video.readyState > value", 0)
    assert "m3u8" in await page.evaluate("document.querySelector('[data-screen]').currentSrc")

    # At the end the next lesson comes by itself, unless one cancels that.
    for key in ("9", "k"):
        await page.keyboard.press(key)
    soon = page.locator("[data-soon]")
    await expect(soon).to_have_text("in 8 s", timeout=15_000)
    await page.get_by_role("button", name="Cancel").click()
    await expect(soon).to_be_hidden()
    for key in ("9", "k"):
        await page.keyboard.press(key)
    await expect(soon).to_have_text("in 8 s", timeout=15_000)
    await page.clock.run_for(9000)
    await page.wait_for_url(lesson_of(course, 1))
    assert not (await progress_of(student, course, 0))["is_completed"]
    await page.close()
    page = await shown(context, lesson_of(course, 0))
    await page.keyboard.press("k")

    # What is watched without a network is kept, and sent by whichever lesson is opened next.
    async def cut_off(route: Route) -> None:
        await route.abort()

    await page.route("**/progress", cut_off)
    await plays_until(page, 9)
    await page.keyboard.press("k")
    await expect(page.locator("[data-toasts]")).to_contain_text("Progress is kept on this device")
    before = (await progress_of(student, course, 0))["watched_seconds"]
    await page.close()
    page = await context.new_page()
    async with page.expect_response("**/progress"):
        await page.goto(lesson_of(course, 2))
    assert (await progress_of(student, course, 0))["watched_seconds"] > before

    # YouTube's player tells where it stands; if it does not, the page says so.
    await context.route("https://www.youtube-nocookie.com/**", answering(YOUTUBE))
    page = await shown(context, lesson_of(course, 3))
    await expect(page.locator("[data-watched]")).to_have_text("Done")
    assert (await progress_of(student, course, 3))["watched_seconds"] == 40
    kept = json.loads(await page.evaluate("JSON.stringify(localStorage)"))
    assert [name for name in kept if name.startswith("collegium.watched")] == []
    await context.route("https://www.youtube-nocookie.com/**", answering("<title>Silent</title>"))
    page = await context.new_page()
    await page.clock.install()
    await page.goto(lesson_of(course, 3))
    await page.wait_for_selector("html[data-ready]")
    await expect(page.locator("[data-uncounted]")).to_be_hidden()
    await page.clock.run_for(8000)
    await expect(page.locator("[data-uncounted]")).to_be_visible()


def answering(body: str) -> Any:
    """Return what answers a browser with this page."""

    async def answer(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/html", body=body)

    return answer
