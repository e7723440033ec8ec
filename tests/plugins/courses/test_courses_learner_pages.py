"""A visitor becomes a student in a real browser, by the keyboard alone: finds a course, enrols, sees it, drops it."""

import itertools

from playwright.async_api import Page, expect

from kernel.testing import PASSWORD, Person, School
from tests.browser import browser  # noqa: F401 - a fixture
from tests.plugins.courses.conftest import ask, published
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture

_MOST_KEYS = 60


async def move_to(page: Page, selector: str) -> None:
    """Press Tab until what a selector names has the focus."""
    for _ in itertools.repeat(None, _MOST_KEYS):
        if await page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


async def ready(page: Page) -> None:
    await page.wait_for_selector("html[data-ready]")


async def test_a_visitor_finds_a_course_enrols_and_leaves_by_keyboard_alone(
    site: Site,  # noqa: F811
    school: School,
    admin: Person,
    instructor: Person,
) -> None:
    await ask(admin, "PATCH", "/settings", json={"courses": {"public_catalogue": True}})
    shelf = await ask(admin, "POST", "/categories", status=201, json={"name": "Crafts"})
    await published(instructor, title="Knitting a sock", is_free=True, category_id=shelf["id"])
    await published(instructor, title="Turning wood", is_free=True, category_id=shelf["id"], level="advanced")
    await published(instructor, title="Contracts", requires_code=True)
    person = await school.person("student")
    page = await (await site.visit()).new_page()
    await page.goto("/courses")
    await ready(page)
    status, titles = page.get_by_role("status").filter(has_text="course"), page.locator(".course-card h2")
    await expect(status).to_have_text("3 courses")

    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.type") == "search"
    await move_to(page, "input[name=category][value=crafts]")
    await page.keyboard.press("Space")
    await expect(status).to_have_text("2 courses")
    await expect(page.locator("[data-part=level-advanced]")).to_have_text("1")
    # What is chosen keeps the focus, and the address says what is shown.
    assert await page.evaluate("document.activeElement.value") == "crafts"
    await expect(page).to_have_url(f"{site.origin}/courses?category=crafts")
    for _ in range(_MOST_KEYS):
        if await page.evaluate("document.activeElement.name") == "q":
            break
        await page.keyboard.press("Shift+Tab")
    await page.keyboard.type("sock")
    await page.keyboard.press("Enter")
    await expect(titles).to_have_text(["Knitting a sock"])
    await page.reload()
    await ready(page)
    await expect(titles).to_have_text(["Knitting a sock"])
    await expect(page.locator("input[name=category][value=crafts]")).to_be_checked()

    await move_to(page, ".course-card a")
    await page.keyboard.press("Enter")
    await ready(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Knitting a sock")
    await move_to(page, ".way .button")
    await page.keyboard.press("Enter")
    await ready(page)
    await move_to(page, "#email")
    await page.keyboard.type(person.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{site.origin}/courses/knitting-a-sock")
    await ready(page)
    await move_to(page, ".way .button")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site.origin}/learn/knitting-a-sock/*")

    await page.goto("/dashboard")
    await expect(page.get_by_role("region", name="Continue where you stopped")).to_contain_text("Knitting a sock")
    await page.goto("/my/courses")
    await ready(page)
    await expect(page.locator(".own-course h2")).to_have_text(["Knitting a sock"])
    await move_to(page, ".menu-button > button")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="About the course")).to_be_focused()
    await page.keyboard.press("End")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("You have no course yet.")).to_be_visible()
    await page.goto("/my/courses?show=left")
    await expect(page.locator(".own-course")).to_contain_text("Enrol again")


async def test_filters_stand_in_a_dialog_on_a_phone(
    site: Site,  # noqa: F811
    instructor: Person,
    student: Person,
) -> None:
    for title, level in (("First", "beginner"), ("Second", "advanced"), ("Third", "advanced")):
        await published(instructor, title=title, level=level, is_free=True)
    page = await (await site.visit(width=390, person=student)).new_page()
    await page.goto("/courses")
    await ready(page)
    await page.get_by_role("button", name="Filter").click()
    dialog = page.get_by_role("dialog", name="Filters")
    await dialog.get_by_role("checkbox", name="Advanced").check()
    await expect(dialog.get_by_role("button", name="Show 2 courses")).to_be_visible()
    await dialog.get_by_role("button", name="Show 2 courses").click()
    await expect(dialog).to_be_hidden()
    await expect(page.locator(".course-card")).to_have_count(2)
    await expect(page.get_by_role("link", name="Advanced Remove this filter")).to_be_visible()
