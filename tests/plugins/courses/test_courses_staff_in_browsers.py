"""What reviewers and administrators do in a browser, from the first press to the last; categories by keyboard alone."""

from playwright.async_api import Page, expect

from kernel.testing import Person, School
from tests.browser import browser, violations  # noqa: F401 - a fixture
from tests.plugins.courses.conftest import ask, draft
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture


async def opened(of: Site, person: Person, path: str) -> Page:
    page = await (await of.visit(person=person)).new_page()
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")
    return page


async def test_a_course_is_sent_back_comes_again_and_is_featured(site: Site, school: School) -> None:  # noqa: F811
    admin, instructor = await school.person("admin"), await school.person("instructor")
    course = await draft(instructor, title="Chairs that last", short_description="Four legs.")
    await course.add_section(title="Wood")
    await course.add_video(title="Choosing a board")
    await ask(instructor, "POST", f"{course.path}/submit")

    page = await opened(site, admin, "/admin/review")
    await page.get_by_role("link", name="Chairs that last").click()
    await page.wait_for_selector("html[data-ready]")
    send = page.get_by_role("button", name="Send back")
    await send.click()
    await expect(page.locator("#reason")).to_be_focused()
    notes = {"title": "Which chairs?", f"video:{course.videos[0].rpartition('/')[2]}": "The sound is missing."}
    for target, text in notes.items():
        place = page.locator(f'[data-note="{target}"]')
        await place.locator("summary").press("Enter")
        await expect(place.locator("textarea")).to_be_focused()
        await page.keyboard.type(text)
    await expect(page.locator("[data-note-count]")).to_have_text("2")
    # What was written outlives a reload.
    await page.reload()
    await page.wait_for_selector("html[data-ready]")
    await expect(page.locator("[data-note-count]")).to_have_text("2")
    assert await violations(page) == []
    await page.locator("#reason").fill("Two things, then it is fine.")
    await send.click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Sent back")
    await expect(page.get_by_role("heading", name="No course waits")).to_be_visible()
    verdict = (await ask(instructor, "GET", course.path))["verdict"]
    assert {each["target"]: each["text"] for each in verdict["notes"]} == notes

    teacher = await opened(site, instructor, "/dashboard")
    await expect(teacher.get_by_role("link", name="“Chairs that last” was sent back")).to_be_visible()
    await ask(instructor, "POST", f"{course.path}/submit")

    await page.goto("/dashboard")
    await page.get_by_role("link", name="1 course waits for your review").click()
    await page.get_by_role("link", name="Chairs that last").click()
    await expect(page.get_by_role("heading", name="What was said before")).to_be_visible()
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_role("button", name="Approve and publish").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Approved and published")

    await page.goto("/admin/courses")
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_role("button", name="Actions for Chairs that last").click()
    await page.get_by_role("menuitem", name="Feature", exact=True).click()
    await expect(page.get_by_role("row", name="Chairs that last").get_by_text("Featured")).to_be_visible()
    # It is done again by hand after it was undone in the toast.
    async with page.expect_navigation():
        await page.locator("[data-toasts]").get_by_role("button", name="Undo").click()
    await page.wait_for_selector("html[data-ready]")
    assert (await ask(instructor, "GET", "/courses?featured=true"))["total"] == 0
    await page.get_by_role("button", name="Actions for Chairs that last").click()
    await page.get_by_role("menuitem", name="Feature", exact=True).click()
    await expect(page.get_by_role("row", name="Chairs that last").get_by_text("Featured")).to_be_visible()
    await page.goto("/")
    featured = page.get_by_role("region", name="Featured")
    await expect(featured.get_by_role("link", name="Chairs that last")).to_be_visible()


async def test_categories_are_moved_by_keyboard_alone(site: Site, school: School) -> None:  # noqa: F811
    admin = await school.person("admin")
    for place, name in enumerate(("One", "Two", "Three")):
        await ask(admin, "POST", "/categories", status=201, json={"name": name, "sort_order": place})
    page = await opened(site, admin, "/admin/categories")

    async def names() -> list[str]:
        return [each.strip() for each in await page.locator(".branch b").all_inner_texts()]

    async def press_and_wait(key: str, expected: list[str]) -> None:
        async with page.expect_navigation():
            await page.keyboard.press(key)
        await page.wait_for_selector("html[data-ready]")
        assert await names() == expected

    await page.get_by_role("button", name="Move “Three” up").focus()
    await press_and_wait("Enter", ["One", "Three", "Two"])
    await expect(page.get_by_role("button", name="Move “Three” up")).to_be_focused()
    await press_and_wait("Enter", ["Three", "One", "Two"])
    # It stands first now: the focus is on the only other way along the list.
    await expect(page.get_by_role("button", name="Move “Three” down")).to_be_focused()
    await press_and_wait("Enter", ["One", "Three", "Two"])
    await page.get_by_role("button", name="Move “Three” further in").focus()
    await press_and_wait("Enter", ["One", "Three", "Two"])
    await expect(page.get_by_role("button", name="Move “Three” further out")).to_be_focused()
    found = {each["name"]: each for each in (await ask(admin, "GET", "/categories"))["items"]}
    assert found["Three"]["parent_id"] == found["One"]["id"]
    assert await violations(page) == []

    await page.get_by_role("button", name="Actions for Two").focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("menuitem", name="Delete").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog", name="Delete “Two”?")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Tab")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    await expect(page.locator("[data-toasts]")).to_contain_text("Deleted")
    assert await names() == ["One", "Three"]
