"""The portal in a real browser: what people do there with the keyboard alone, without network, after long."""

import asyncio
import itertools
from collections.abc import Sequence

import pyotp
from playwright.async_api import Page, expect

from kernel.testing import PASSWORD, School
from tests.plugins.portal.conftest import Site


async def press(page: Page, keys: Sequence[str]) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def test_signing_in_needs_a_keyboard_alone(site: Site, school: School) -> None:
    person = await school.person("student")
    page = await (await site.visit()).new_page()
    await page.goto("/profile/devices")
    await expect(page).to_have_url(f"{site.origin}/sign-in?next=/profile/devices")
    await page.wait_for_selector("html[data-ready]")
    for key in itertools.repeat("Tab", 12):
        await page.keyboard.press(key)
        if await page.evaluate("document.activeElement.id") == "email":
            break
    await page.keyboard.type(person.email)
    await page.keyboard.press("Tab")
    await page.keyboard.type("wrong-password-1!")
    await page.keyboard.press("Enter")
    error = page.locator("#password-error")
    await expect(error).to_be_visible()
    assert await page.evaluate("document.activeElement.id") == "password"
    assert await page.locator("#email").input_value() == person.email
    assert (await page.title()).startswith("Error: ")
    await press(page, ["Control+A"])
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{site.origin}/profile/devices")
    await expect(page.get_by_text("This device")).to_be_visible()


async def test_a_second_factor_is_set_up_and_asked_for(site: Site, school: School) -> None:
    person = await school.person("student")
    page = await (await site.visit(person=person)).new_page()
    await page.goto("/profile/security")
    await page.wait_for_selector("html[data-ready]")
    await page.get_by_role("button", name="Set up").click()
    await page.locator("#totp-password").fill(PASSWORD)
    await page.get_by_role("button", name="Next").click()
    await expect(page.locator("[data-qr] svg")).to_be_visible()
    totp = pyotp.TOTP(await page.locator("[data-secret]").inner_text())
    await page.locator("#totp-code").fill(totp.now())
    await page.get_by_role("button", name="Switch on").click()
    await expect(page.locator("[data-codes]")).to_be_visible()
    recovery = (await page.locator("[data-codes]").inner_text()).split()[0]

    again = await (await site.visit()).new_page()
    await again.goto("/sign-in")
    await again.wait_for_selector("html[data-ready]")
    await again.locator("#email").fill(person.email)
    await again.locator("#password").fill(PASSWORD)
    await again.get_by_role("button", name="Sign in", exact=True).click()
    await again.locator("#code").fill(recovery)
    await again.keyboard.press("Enter")
    await expect(again).to_have_url(f"{site.origin}/dashboard")


async def test_what_is_typed_outlives_the_session(site: Site, school: School) -> None:
    person = await school.person("student")
    context = await site.visit(person=person)
    page = await context.new_page()
    await page.goto("/profile")
    await page.wait_for_selector("html[data-ready]")
    await page.locator("#city").fill("Alexandria")
    await context.clear_cookies()
    await page.locator("form:has(#city)").get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog", name="You have been signed out")
    await expect(dialog).to_be_visible()
    await dialog.locator("#again-password").fill(PASSWORD)
    await dialog.get_by_role("button", name="Sign in").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved")
    assert (await person.get("/users/me")).json()["city"] == "Alexandria"


async def test_a_second_factor_is_asked_for_again_too(site: Site, school: School) -> None:
    person = await school.person("student")
    context = await site.visit(person=person)
    page = await context.new_page()
    await page.goto("/profile")
    await page.wait_for_selector("html[data-ready]")
    await page.locator("#city").fill("Aswan")
    begun = await person.post("/auth/mfa/totp", json={"password": PASSWORD})
    digits = pyotp.TOTP(begun.json()["secret"]).now()
    codes = (await person.post("/auth/mfa/totp/confirm", json={"code": digits})).json()["recovery_codes"]
    await context.clear_cookies()
    await page.locator("form:has(#city)").get_by_role("button", name="Save").click()
    await page.locator("#again-password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#again-code")).to_be_focused()
    await page.keyboard.type(codes[0])
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved")


async def test_theme_and_language_follow_the_person(site: Site, school: School) -> None:
    person = await school.person("student")
    page = await (await site.visit(person=person)).new_page()
    await page.goto("/profile/preferences")
    await page.wait_for_selector("html[data-ready]")
    await page.locator("#locale").select_option("ar")
    await page.get_by_role("radio", name="Dark").check()
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_without_network_the_installed_page_says_so(site: Site) -> None:
    context = await site.visit()
    page = await context.new_page()
    await page.goto("/")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.reload()
    await asyncio.wait_for(page.wait_for_function("navigator.serviceWorker.controller !== null"), 10)
    await context.set_offline(True)
    await page.goto("/register")
    await expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
