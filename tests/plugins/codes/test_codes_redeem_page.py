"""The page on which a code is used: whoever comes by a QR address, with an account or without, in a real browser."""

from urllib.parse import urlsplit

from playwright.async_api import Page, expect

from kernel.testing import PASSWORD, Mailbox
from tests.browser import browser  # noqa: F401 - a fixture
from tests.plugins.codes.conftest import Classroom
from tests.plugins.portal.conftest import Site, site  # noqa: F401 - a fixture
from tests.plugins.portal.test_portal_pages import open_page


async def opened(page: Page, path: str) -> None:
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")


async def test_the_page_keeps_a_code_for_visitors_and_shows_anything_as_text(classroom: Classroom) -> None:
    visitor = await classroom.school.client()
    kept = (await open_page(visitor, "/redeem?code=abcd efgh jklm")).text
    assert '<bdi dir="ltr">ABCD-EFGH-JKLM</bdi>' in kept
    assert 'href="/register?next=/redeem%3Fcode%3DABCD-EFGH-JKLM"' in kept
    assert 'href="/sign-in?next=/redeem%3Fcode%3DABCD-EFGH-JKLM"' in kept
    planted = (await open_page(visitor, '/redeem?code="><script>alert(1)</script>')).text
    assert "<script>alert" not in planted
    assert "Your code is kept" not in planted
    student, instructor = await classroom.student(), classroom.instructor
    assert 'data-api="POST /api/v1/access-codes/redeem"' in (await open_page(student.client, "/redeem")).text
    assert 'data-api="POST /api/v1/access-codes' not in (await open_page(instructor.client, "/redeem")).text
    places = (await open_page(student.client, "/dashboard")).text
    assert places.count('href="/redeem"') >= 2, "in the bar, and for phones"
    await classroom.school.switch_off("codes")
    assert (await open_page(student.client, "/redeem")).status_code == 404
    assert "Enter a code" not in (await open_page(student.client, "/dashboard")).text


async def test_a_stranger_comes_by_the_card_makes_an_account_and_uses_the_code_once(
    classroom: Classroom,
    site: Site,  # noqa: F811
    mailbox: Mailbox,
) -> None:
    code = await classroom.code(max_uses=5)
    page = await (await site.visit(width=390)).new_page()
    await opened(page, f"/redeem#code={code['code']}")
    await page.get_by_role("link", name="Make an account").last.click()
    await page.wait_for_selector("html[data-ready]")
    for name, text in (("first_name", "Noor"), ("last_name", "Haddad"), ("email", "noor@stranger.example")):
        await page.locator(f"#{name}").fill(text)
    await page.locator("#password").fill(PASSWORD)
    await page.get_by_role("button", name="Make an account").click()
    await expect(page.get_by_role("heading", name="Check your mail")).to_be_focused()

    link = urlsplit((await mailbox.mail("noor@stranger.example")).links[0])
    await opened(page, f"{link.path}#{link.fragment}")
    await page.get_by_role("button", name="Confirm the address").click()
    await expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    await page.locator("#email").fill("noor@stranger.example")
    await page.locator("#password").fill(PASSWORD)
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(f"{site.origin}/redeem?code={code['code']}")
    await expect(page.locator("[data-opens]")).to_contain_text("Tables and chairs")
    assert (await classroom.detail(code))["current_uses"] == 0
    await page.get_by_role("button", name="Use this code").dblclick()
    await expect(page.get_by_role("heading", name="It is open for you")).to_be_focused()
    await expect(page.get_by_role("link", name="Start learning")).to_have_attribute("href", "/learn/tables-and-chairs")
    assert (await classroom.detail(code))["current_uses"] == 1

    await opened(page, f"/redeem?code={code['code']}")
    await expect(page.locator("#code-error")).to_contain_text("You used this code on")
    await page.get_by_role("button", name="Use this code").click()
    await expect(page.locator("#code-error")).to_contain_text("You have used this code already.")
    await expect(page.get_by_role("link", name="Open the course")).to_have_attribute("href", "/learn/tables-and-chairs")
    assert (await classroom.detail(code))["current_uses"] == 1


async def test_the_field_helps_whoever_types(classroom: Classroom, site: Site) -> None:  # noqa: F811
    student, code = await classroom.student(), await classroom.code()
    page = await (await site.visit(person=student)).new_page()
    await opened(page, "/redeem")
    field, error = page.locator("#code"), page.locator("#code-error")
    await field.focus()
    await page.keyboard.type("k7qm2o")
    await expect(field).to_have_value("K7QM-2O")
    await expect(error).to_contain_text("“O” is never in a code.")
    await page.keyboard.press("Backspace")
    await expect(error).to_be_hidden()
    await page.keyboard.press("Enter")
    await expect(error).to_contain_text("This one has 5.")
    await field.fill("ABCD-EFGH-JKLM")
    await expect(error).to_contain_text("We do not know this code.")
    await field.fill(f" {site.origin}/redeem?code={code['code'].lower()} ")
    await expect(field).to_have_value(code["code"])
    await expect(page.locator("[data-opens]")).to_contain_text("Tables and chairs")
    await field.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="It is open for you")).to_be_focused()
