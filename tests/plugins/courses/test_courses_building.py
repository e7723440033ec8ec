"""A course built in a browser: from nothing to published, by an upload that breaks, and put in order by keys."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.async_api import ConsoleMessage, Page, Request, expect

from kernel.testing import Person, School
from tests.browser import browser  # noqa: F401 - a fixture
from tests.faults.proxy import Direction, Proxy
from tests.plugins.courses.conftest import Course, ask, draft
from tests.plugins.courses.test_courses_player import at, plays_until
from tests.plugins.media.films import film
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture

_SOME_BYTES = 600_000


async def opened(site: Site, person: Person, path: str) -> Page:  # noqa: F811
    page = await (await site.visit(person=person)).new_page()
    page.set_default_timeout(15_000)
    await go(page, path)
    return page


async def go(page: Page, path: str) -> None:
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")


def film_file(path: Path, seconds: int = 4) -> Path:
    """Write a film of half a megabyte a second."""
    path.write_bytes(film("-c:v", "libx264", "-preset", "ultrafast", "-qp", "4", size="640x360", seconds=seconds))
    return path


def said(page: Page) -> list[str]:
    """Return what the console will have said, but for what the browser itself says of answers that are refusals."""
    heard: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            heard.append(message.text)

    page.on("console", told)
    return heard


@pytest.fixture
async def way(site: Site) -> AsyncIterator[tuple[str, Proxy]]:  # noqa: F811
    """Another way to the site, which can be broken."""
    target = urlsplit(site.origin)
    assert target.port is not None
    proxy = Proxy(target.port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield f"http://{target.hostname}:{server.sockets[0].getsockname()[1]}", proxy
    finally:
        server.close()
        await proxy.close()


def stand_still_behind(proxy: Proxy, size: int) -> None:
    """Let no more bytes than that lead to the site."""
    passed = 0

    def count(direction: Direction, data: bytes) -> bool:
        nonlocal passed
        passed += len(data) if direction == "there" else 0
        if passed > size:
            proxy.freeze()
        return False

    proxy.cut_when = count


def mend(proxy: Proxy) -> None:
    """Lose what was under way, and let everything pass again."""
    proxy.cut_when = lambda _direction, _data: False
    proxy.cut()
    proxy.thaw()


async def some_has_come(page: Page) -> None:
    await expect(page.locator(".upload-row [data-about]")).to_have_text(re.compile(r"^(?!0 kB).+ of "))


async def titles(page: Page) -> list[str]:
    return await page.locator("[data-title-of]").all_inner_texts()


async def curriculum(person: Person, course: str) -> list[str]:
    """Return the titles as the API orders them."""
    found = []
    for section in (await ask(person, "GET", f"/courses/{course}/sections"))["items"]:
        found += [section["title"], *[each["title"] for each in (*section["videos"], *section["materials"])]]
    return found


async def test_a_course_from_nothing_to_published(
    site: Site,  # noqa: F811
    school: School,
    way: tuple[str, Proxy],
    tmp_path: Path,
) -> None:
    origin, proxy = way
    instructor, admin = await school.person("instructor"), await school.person("admin")
    await ask(admin, "PATCH", "/settings", json={"courses": {"review_required": True}})
    lesson = film_file(tmp_path / "What to log.mp4", 12)

    page = await opened(site, instructor, f"{origin}/teach/courses")
    heard = said(page)
    await page.get_by_role("link", name="Make a course").click()
    await page.get_by_label("Title").fill("Queues and workers")
    await page.get_by_role("button", name="Make the course").click()
    await page.wait_for_url("**/curriculum")
    await page.wait_for_selector("html[data-ready]")
    course = page.url.split("/")[-2]
    for title in ("Why a queue", "Building one"):
        await page.locator("#new-section").fill(title)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("link", name=title)).to_be_visible()
        await expect(page.locator("#new-section")).to_be_focused()

    # It asks the server, so it is told by the server what is missing.
    await page.locator("[data-open='#submit-course']").click()
    await page.locator("#submit-course").get_by_role("button", name="Submit for review").click()
    await expect(page.locator("#submit-course")).to_contain_text("The course needs a published video")
    await page.keyboard.press("Escape")

    await upload_with_a_break(page, lesson, proxy)
    await page.locator("#new-section").fill("Half a ti")
    await school.settle()
    await expect(page.get_by_role("link", name="What to log")).to_be_visible()
    await expect(page.locator("#new-section")).to_have_value("Half a ti")
    await expect(page.locator("#new-section")).to_be_focused()
    await page.locator("#new-section").fill("")

    await page.get_by_role("button", name="Add a video to “Building one”").click()
    await page.get_by_text("A video on YouTube").click()
    await page.locator("#new-youtube").fill("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3")
    await page.locator("#youtube-title").fill("Work that may be done twice")
    await page.locator("#youtube-length").fill("long")
    await page.keyboard.press("Enter")
    await expect(page.locator("#youtube-length")).to_be_focused()
    await page.locator("#youtube-length").fill("8:40")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Work that may be done twice")).to_be_focused()

    await page.get_by_role("link", name="What to log").click()
    await page.locator("#part-title").fill("")
    await expect(page.locator("#part-title-error")).to_have_text("Write something here.")
    await page.locator("#part-title").fill("What to log, and when")
    await expect(page.locator("[data-saved]")).to_contain_text("Saved at")
    await expect(page.get_by_role("link", name="What to log, and when")).to_be_visible()
    await page.get_by_role("switch", name="Free preview").check()
    await expect(page.locator("[data-part=tree]").get_by_text("Free preview")).to_be_visible()
    assert await curriculum(instructor, course) == [
        "Why a queue",
        "What to log, and when",
        "Building one",
        "Work that may be done twice",
    ]

    await go(page, f"{origin}/teach/courses/{course}/access")
    await page.get_by_role("switch", name="Only with an access code").uncheck()
    await expect(page.locator("[data-saved]")).to_contain_text("Saved at")
    await go(page, f"{origin}/teach/courses/{course}/curriculum")
    await submit(page)
    await expect(page.get_by_text("This course waits for its review")).to_be_visible()
    await send_back(await opened(site, admin, f"/admin/review/{course}"))
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    await expect(page.get_by_text("Two things are missing.")).to_be_visible()
    await expect(page.get_by_text("Sent back by Admin Test")).to_be_visible()
    await page.get_by_role("region", name="What the reviewer said").get_by_role("link", name="What to log").click()
    await page.wait_for_selector("html[data-ready]")
    await page.locator("#part-description").fill("Two numbers that you need before you change anything.")
    await expect(page.locator("[data-saved]")).to_contain_text("Saved at")
    await submit(page)
    reviewer = await opened(site, admin, f"/admin/review/{course}")
    await reviewer.get_by_role("button", name="Approve and publish").click()
    await reviewer.wait_for_url("**/admin/review")
    await go(page, f"{origin}/teach/courses")
    await expect(page.locator(".course", has_text="Queues and workers")).to_contain_text("Published")
    assert heard == []
    await watch_and_come_back(await opened(site, await school.person("student"), "/courses"))


async def watch_and_come_back(page: Page) -> None:
    """Find the course, take it, watch what was uploaded, leave, and go on where it was left."""
    await page.get_by_role("link", name="Queues and workers").click()
    await page.wait_for_url("**/courses/queues-and-workers")
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_role("button", name="Enrol").first.click()
    await page.wait_for_url("**/learn/queues-and-workers/*")
    await page.wait_for_selector("html[data-ready]")
    lesson = page.url
    await page.keyboard.press("k")
    await plays_until(page, 6)
    await page.keyboard.press("k")
    await expect(page.locator("[data-watched]")).not_to_have_text("0% watched")
    left_at = await at(page)
    await go(page, "/dashboard")
    await page.get_by_role("main").get_by_role("link", name="Continue").first.click()
    await page.wait_for_url(lesson)
    await expect(page.locator("[data-toasts]")).to_contain_text("Resumed at 0:0")
    await plays_until(page, left_at - 4)


async def upload_with_a_break(page: Page, file: Path, proxy: Proxy) -> None:
    """Upload a file whose connection breaks in the middle, and see that only the rest is sent again."""
    offsets: list[int] = []

    def sent(request: Request) -> None:
        if "/upload/tus/" in request.url and request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", sent)
    stand_still_behind(proxy, _SOME_BYTES)
    await page.get_by_role("button", name="Add a video to “Why a queue”").click()
    await page.locator("#new-videos").set_input_files(file)
    row = page.locator(".upload-row", has_text=file.name)
    await some_has_come(page)
    proxy.refuses = True
    mend(proxy)
    await expect(row).to_contain_text("No connection")
    proxy.refuses = False
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(row).to_contain_text("Being looked at")
    assert offsets[0] == 0
    assert 0 < offsets[-1] < 2 * _SOME_BYTES


async def submit(page: Page) -> None:
    await page.locator("[data-open='#submit-course']").click()
    await page.locator("#submit-course").get_by_role("button", name="Submit for review").click()
    await expect(page.get_by_role("button", name="Take back")).to_be_visible()
    await page.wait_for_selector("html[data-ready]")


async def send_back(page: Page) -> None:
    note = page.locator("[data-note^='video:']").first
    await note.locator("summary").click()
    await note.locator("textarea").fill("Say what it is about.")
    await page.get_by_label("What has to change").fill("Two things are missing.")
    await page.get_by_role("button", name="Send back").click()
    await page.wait_for_url("**/admin/review")


async def two_sections(author: Person) -> Course:
    course = await draft(author, title="Chairs")
    for name in ("First", "Second"):
        await course.add_section(title=name)
        await course.add_video(title=f"{name} one")
        await course.add_video(title=f"{name} two")
    return course


async def test_a_curriculum_is_put_in_order_by_keys_alone(
    site: Site,  # noqa: F811
    school: School,
) -> None:
    instructor = await school.person("instructor")
    course = await two_sections(instructor)
    page = await opened(site, instructor, f"/teach/courses/{course.id}/curriculum")
    heard = said(page)
    live = page.locator("[data-live]")
    while not await page.evaluate("document.activeElement.getAttribute('aria-label') === 'Move “First two”'"):
        await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await expect(live).to_contain_text("First two, lifted, position 2 of 2 in First")
    await page.keyboard.press("ArrowDown")
    await expect(live).to_have_text("First two, position 1 of 3 in Second")
    await page.keyboard.press("Escape")
    await expect(live).to_have_text("First two, put back")
    assert await titles(page) == ["First", "First one", "First two", "Second", "Second one", "Second two"]

    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Space")
    await expect(live).to_have_text("First two, put down, position 2 of 3 in Second")
    await expect(page.locator("[data-saved]")).to_contain_text("Saved at")
    expected = ["First", "First one", "Second", "Second one", "First two", "Second two"]
    assert await curriculum(instructor, str(course.id)) == expected
    await expect(page.get_by_role("button", name="Move “First two”", exact=True)).to_be_focused()

    # Somebody else changes it meanwhile: what is moved goes back, and what there is now is shown.
    await course.add_section(title="Third")
    await page.get_by_role("button", name="Move “First two” up").press("Enter")
    await expect(page.locator("[data-toasts]")).to_contain_text("The curriculum was changed elsewhere.")
    await expect(page.get_by_role("link", name="Third")).to_be_visible()
    assert await titles(page) == [*expected, "Third"]
    assert heard == []


async def test_an_upload_outlives_the_page(
    site: Site,  # noqa: F811
    school: School,
    way: tuple[str, Proxy],
    tmp_path: Path,
) -> None:
    origin, proxy = way
    instructor = await school.person("instructor")
    course = await draft(instructor)
    await course.add_section(title="Only one")
    file = film_file(tmp_path / "long.mp4")
    page = await opened(site, instructor, f"{origin}/teach/courses/{course.id}/curriculum")
    stand_still_behind(proxy, _SOME_BYTES)
    await page.get_by_role("button", name="Add a video to “Only one”").click()
    await page.locator("#new-videos").set_input_files(file)
    await some_has_come(page)
    await page.get_by_role("button", name="Pause").click()
    await expect(page.locator(".upload-row")).to_contain_text("Paused at")
    mend(proxy)

    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    row = page.locator(".upload-row")
    await expect(row).to_contain_text("Choose the file again to go on")
    async with page.expect_request(lambda request: request.method == "PATCH") as sent:
        await row.locator("input[type=file]").set_input_files(file)
    assert int((await sent.value).headers["upload-offset"]) > 0
    await expect(row).to_contain_text("Being looked at")
    await page.reload()
    await expect(row).to_contain_text("Being looked at")
    await school.settle()
    await expect(page.get_by_role("link", name="long")).to_be_visible()
    await expect(row).to_have_count(0)
    assert (await ask(instructor, "GET", f"{course.path}/videos"))["items"][0]["duration_seconds"] == 4


async def test_every_part_is_changed_where_it_stands(
    site: Site,  # noqa: F811
    school: School,
    tmp_path: Path,
) -> None:
    instructor = await school.person("instructor")
    course = await two_sections(instructor)
    path = f"/teach/courses/{course.id}"
    page = await opened(site, instructor, f"{path}/curriculum")
    heard = said(page)
    state = page.locator("[data-saved]")

    # Names in place: Enter goes on to the next one.
    await choose(page, "First one", "[data-rename]")
    for title in ("Legs", "Seats"):
        await page.keyboard.type(title)
        await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Seats")).to_be_visible()
    await choose(page, "Legs", "[data-move-to]")
    await page.locator("#move-section").select_option(label="Second")
    await page.locator("#move-to").get_by_role("button", name="Move", exact=True).click()
    await expect(page.locator("[data-list=videos]").last).to_contain_text("Legs")
    await expect(state).to_contain_text("Saved at")

    # What is open stands in the address.
    for title in ("Seats", "Second two"):
        await page.get_by_role("link", name=title).click()
        await expect(page.locator("#part-title")).to_have_value(title)
    await page.go_back()
    await expect(page.locator("#part-title")).to_have_value("Seats")

    # Without a network what was typed stays, and is sent at a press.
    await page.context.set_offline(True)
    await page.locator("#part-title").fill("Seats and backs")
    await expect(state).to_contain_text("Not saved: There is no network.")
    await page.context.set_offline(False)
    await state.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("link", name="Seats and backs")).to_be_visible()
    await choose(page, "Second", "header [data-delete]")
    await page.locator("#delete-part").get_by_role("button", name="Delete").click()
    await expect(page.get_by_role("link", name="Second", exact=True)).to_have_count(0)
    assert await curriculum(instructor, str(course.id)) == ["First", "Seats and backs"]

    cover = tmp_path / "cover.png"
    Image.new("RGB", (64, 36), "teal").save(cover)
    await go(page, f"{path}/details")
    await page.locator("#cover-file").set_input_files(cover)
    await expect(page.get_by_role("img", name="The cover as it is now")).to_be_visible()
    await go(page, f"{path}/materials")
    await page.locator("#material-file").set_input_files(
        {"name": "Sheet.txt", "mimeType": "text/plain", "buffer": b"To print"}
    )
    await page.get_by_role("link", name="Edit").click()
    await expect(page.locator("#part-title")).to_have_value("Sheet")
    await page.locator("#part-section").select_option(label="First")
    await expect(page.get_by_role("link", name="Sheet")).to_be_visible()
    await go(page, f"{path}/access")
    await page.get_by_label("Price").fill("much")
    await expect(page.locator("#price-error")).to_have_text("Such as 19.90; 0 for none.")
    await page.get_by_label("Price").fill("19.90")
    await expect(state).to_contain_text("Saved at")
    assert (await ask(instructor, "GET", course.path))["price"] == "19.90"
    assert heard == []


async def choose(page: Page, title: str, what: str) -> None:
    """Open the menu of a part and press something in it."""
    item = page.locator("[data-item]", has=page.get_by_role("link", name=title, exact=True)).last
    await item.locator("details.menu > summary").first.click()
    await item.locator(what).first.click()
