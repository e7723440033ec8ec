"""The components of /design in a real browser, by keyboard where people would: tables, menus, comboboxes, dialogs."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from tests.plugins.portal.conftest import Site
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.test_portal_in_every_look import listen
from tests.plugins.portal.test_portal_pages import open_page


@pytest.fixture
async def design(furnished_site: Site, readers: Readers) -> AsyncIterator[Page]:
    """The page of all components, as an administrator sees it."""
    context = await furnished_site.visit(person=readers["admin"])
    page = await context.new_page()
    await page.goto("/design")
    await page.wait_for_selector("html[data-ready]")
    yield page
    await context.close()


async def test_rows_are_chosen_and_refused_ones_stay_chosen(design: Page) -> None:
    asked: list[str] = []

    async def answer(route: Route) -> None:
        row = route.request.url.rpartition("=")[2]
        is_first = row not in asked
        asked.append(row)
        if row == "1" and is_first:
            await route.fulfill(status=429, headers={"retry-after": "1"}, json={"detail": "Wait."})
        elif row == "2":
            await route.fulfill(status=409, json={"detail": "The last one stays."})
        else:
            await route.fulfill(json={})

    await design.route("**/api/v1/categories?limit=*", answer)
    picks, every = design.locator("[data-pick]"), design.locator("[data-pick-all]")
    bar = design.get_by_role("group", name="With the chosen students")
    await expect(bar).to_be_hidden()
    await picks.nth(0).click()
    assert await every.evaluate("each => each.indeterminate")
    await picks.nth(2).click(modifiers=["Shift"])
    await expect(bar.get_by_role("status")).to_have_text("Chosen: 3")
    await expect(every).to_be_checked()
    await bar.get_by_role("button", name="Try").click()
    await expect(bar.get_by_role("status")).to_have_text("Done: 2. Not done: 1; they are still chosen.")
    assert sorted(asked) == ["1", "1", "2", "3"]
    await expect(design.locator("tr:has(:checked) .result")).to_have_text("The last one stays.")
    await expect(design.locator("[data-row] :checked")).to_have_count(1)
    await bar.get_by_role("button", name="Show them").click()
    await expect(picks.nth(1)).to_be_focused()


async def test_a_menu_is_moved_in_by_keys_and_gives_the_focus_back(design: Page) -> None:
    button = design.locator("#d-menu-1-button")
    await button.focus()
    await design.keyboard.press("Enter")
    await expect(design.get_by_role("menuitem", name="Open")).to_be_focused()
    await expect(button).to_have_attribute("aria-expanded", "true")
    await design.keyboard.press("ArrowDown")
    await expect(design.get_by_role("menuitem", name="Suspend")).to_be_focused()
    await design.keyboard.press("o")
    await expect(design.get_by_role("menuitem", name="Open")).to_be_focused()
    await design.keyboard.press("Escape")
    await expect(button).to_be_focused()
    await expect(button).to_have_attribute("aria-expanded", "false")


async def test_the_filters_of_a_phone_keep_the_focus_and_give_it_back(design: Page) -> None:
    await design.set_viewport_size({"width": 390, "height": 780})
    opener = design.get_by_role("search", name="Filter students").get_by_role("button", name="Filter")
    await opener.focus()
    await design.keyboard.press("Enter")
    sheet = design.get_by_role("dialog", name="Filter students")
    await expect(sheet.get_by_label("Level")).to_be_focused()
    await expect(opener).to_have_attribute("aria-expanded", "true")
    await design.keyboard.press("Shift+Tab")
    await design.keyboard.press("Shift+Tab")
    await expect(sheet.get_by_role("button", name="Show 60")).to_be_focused()
    await design.keyboard.press("Tab")
    await expect(sheet.get_by_role("button", name="Close")).to_be_focused()
    await design.keyboard.press("Escape")
    await expect(sheet).to_be_hidden()
    await expect(opener).to_be_focused()
    await opener.click()
    await design.mouse.click(195, 40)
    await expect(sheet).to_be_hidden()
    await expect(opener).to_be_focused()


async def test_a_combobox_finds_one_and_several(design: Page) -> None:
    one = design.get_by_role("combobox", name="Instructor")
    await one.fill("han")
    await design.keyboard.press("ArrowDown")
    await expect(design.get_by_role("option", name="Hana Weiss")).to_have_attribute("aria-selected", "true")
    await design.keyboard.press("Enter")
    await expect(one).to_have_value("Hana Weiss")
    await expect(design.locator("[name=d15]")).to_have_value("1")
    await one.fill("nobody")
    await expect(design.get_by_text("Nothing is called so.").first).to_be_visible()
    await design.keyboard.press("Tab")
    await expect(one).to_have_value("Hana Weiss")

    several = design.get_by_role("combobox", name="Courses")
    await several.click()
    options = design.locator("#d16-list [role=option]")
    await expect(options).not_to_have_count(0)
    title = await options.first.inner_text()
    await options.first.click()
    await expect(design.locator("input[name='d16[]']")).to_have_count(2)
    await expect(design.get_by_role("list", name="Courses")).to_contain_text(title.strip()[:20])
    await several.press("Backspace")
    await expect(design.locator("input[name='d16[]']")).to_have_count(1)


async def test_what_is_to_be_typed_is_typed(design: Page) -> None:
    await design.locator("[data-open='#d-typed']").click()
    dialog = design.get_by_role("alertdialog", name="Delete this course?")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog.get_by_text("This is not the same text.")).to_be_visible()
    await expect(dialog.locator("input")).to_be_focused()
    await dialog.locator("input").fill("Queues and workers")
    await dialog.get_by_role("button", name="Delete").click()
    await expect(dialog).to_be_hidden()


async def test_filters_keep_their_state_in_the_address(design: Page, furnished_site: Site, readers: Readers) -> None:
    await design.locator("#level").select_option("a")
    await design.wait_for_url("**/design?level=a&status=active")
    await design.get_by_role("link", name="Last seen").click()
    await design.wait_for_url("**/design?level=a&status=active&sort=last_seen")
    await design.get_by_role("link", name="Active Remove this filter").click()
    await design.wait_for_url("**/design?level=a&sort=last_seen")
    admin = readers["admin"]
    assert admin is not None
    answer = await open_page(admin.client, "/design?level=&status=active&q=")
    assert (answer.status_code, answer.headers["location"]) == (302, "/design?status=active")


async def test_filters_are_a_sheet_on_a_phone(design: Page) -> None:
    await design.set_viewport_size({"width": 390, "height": 800})
    level = design.locator("#level")
    await expect(level).to_be_hidden()
    await design.get_by_role("button", name="Filter (2)").click()
    await level.select_option("a")
    await design.get_by_role("button", name="Show 60").click()
    await design.wait_for_url("**/design?level=a&status=active")


async def test_a_fade_that_is_cut_short_is_no_fault(design: Page) -> None:
    said = listen(design)
    await design.emulate_media(reduced_motion="no-preference")
    await design.evaluate("document.startViewTransition(() => {}).skipTransition()")
    await design.evaluate("void Promise.reject(new Error('A fault of ours'))")
    while not said:
        await design.wait_for_timeout(20)
    assert ["A fault of ours" in each for each in said] == [True]
