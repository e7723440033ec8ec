"""Passkeys in a real browser, with an authenticator of its own: made, used alone and as second step, removed."""

import re
from typing import Any

from playwright.async_api import Browser, CDPSession, Page, expect

from plugins.auth.demo.accounts import PASSWORD
from tests.browser import browser
from tests.e2e.conftest import Server

__all__ = ["browser"]

WHO = "zainab.idris@example.com"
"""Of the demonstration; nobody else signs in as her."""
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def opened(page: Page, path: str) -> None:
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")


async def sign_out(page: Page) -> None:
    """Sign out by the menu of the account, which leads to the school's home."""
    await page.locator("header details.menu > summary").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("link", name="Sign in", exact=True).first).to_be_visible()


async def sign_in_by_password(page: Page) -> None:
    await opened(page, "/sign-in?next=/profile/security")
    await page.locator("#email").fill(WHO)
    await page.locator("#password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def is_there(page: Page) -> None:
    """Wait for the page of second factors."""
    await page.wait_for_url(re.compile(r"//[^/?]+/profile/security$"))
    await page.wait_for_selector("html[data-ready]")


async def add_device(cdp: CDPSession, **how: Any) -> str:
    made = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, **how}})
    return str(made["authenticatorId"])


async def test_a_passkey_is_made_opens_the_account_and_is_removed(browser: Browser, demo_server: Server) -> None:
    # Browsers take no number for the home of a passkey.
    origin = demo_server.url.replace("127.0.0.1", "localhost")
    context = await browser.new_context(base_url=origin, locale="en", reduced_motion="reduce")
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    cdp = await context.new_cdp_session(page)
    await cdp.send("WebAuthn.enable")

    # Who turns the browser's question away is told so, and the focus is where it was.
    device = await add_device(cdp, isUserVerified=False)
    await sign_in_by_password(page)
    await is_there(page)
    await make(page)
    await expect(page.locator("[data-toasts]")).to_contain_text("No passkey was made.")
    await expect(page.locator("[data-open='#begin-passkey']")).to_be_focused()
    await cdp.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": device})

    device = await add_device(cdp)
    await make(page)
    codes = page.get_by_role("dialog", name="Keep these codes")
    await expect(codes.locator("[data-codes]")).not_to_be_empty()
    await codes.get_by_role("button", name="I have kept them").click()
    await expect(page.get_by_text("Passkey of ")).to_have_count(1)
    kept = await cdp.send("WebAuthn.getCredentials", {"authenticatorId": device})
    assert [(each["isResidentCredential"], each["rpId"]) for each in kept["credentials"]] == [(True, "localhost")]

    # The same device is not asked for a second one.
    await page.wait_for_selector("html[data-ready]")
    await make(page)
    await expect(page.locator("[data-toasts]")).to_contain_text("This device has a passkey of yours already.")

    # It opens the account alone, without a name or a password.
    await sign_out(page)
    await opened(page, "/sign-in?next=/profile/security")
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await is_there(page)

    # The browser offers it by itself to whoever is about to type an address; its device says yes at once.
    await sign_out(page)
    await opened(page, "/sign-in?next=/profile/security")
    await page.locator("#email").focus()
    await is_there(page)

    # After a password it is the second step.
    await sign_out(page)
    presence = {"authenticatorId": device, "enabled": False}
    await cdp.send("WebAuthn.setAutomaticPresenceSimulation", presence)
    await sign_in_by_password(page)
    await expect(page.get_by_role("button", name="Use a passkey")).to_be_focused()
    await cdp.send("WebAuthn.setAutomaticPresenceSimulation", {**presence, "enabled": True})
    await page.keyboard.press("Enter")
    await is_there(page)

    # So it is where the session has ended under what is being typed.
    await opened(page, "/profile")
    await page.locator("#city").fill("Alexandria")
    await context.clear_cookies()
    await page.locator("form:has(#city)").get_by_role("button", name="Save").click()
    again = page.get_by_role("dialog", name="You have been signed out")
    await again.locator("#again-password").fill(PASSWORD)
    await again.get_by_role("button", name="Sign in", exact=True).click()
    await again.get_by_role("button", name="Use a passkey").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Saved")

    # Removed, it opens nothing, and the password is enough again.
    await opened(page, "/profile/security")
    await page.locator("li", has_text="Passkey of ").get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog", name="Remove this passkey?")
    await dialog.get_by_role("textbox").fill(PASSWORD)
    await dialog.get_by_role("button", name="Remove").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("Removed")
    await expect(page.get_by_text("Passkey of ")).to_have_count(0)
    await page.wait_for_selector("html[data-ready]")
    await sign_out(page)
    await opened(page, "/sign-in?next=/profile/security")
    await page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(page.locator("[data-toasts]")).to_contain_text("passkey")
    await sign_in_by_password(page)
    await is_there(page)
    assert faults == []


async def make(page: Page) -> None:
    """Ask for a passkey, with the password that this takes."""
    await page.locator("[data-open='#begin-passkey']").click()
    dialog = page.get_by_role("dialog", name="Add a passkey")
    await dialog.get_by_role("textbox").fill(PASSWORD)
    await dialog.get_by_role("button", name="Next").click()


async def test_where_the_school_is_not_at_home_no_passkey_is_offered(browser: Browser, demo_server: Server) -> None:
    page = await (await browser.new_context(base_url=demo_server.url, locale="en")).new_page()
    await opened(page, "/sign-in?next=/profile/security")
    await expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    await sign_in_by_password(page)
    await is_there(page)
    await expect(page.locator("[data-open='#begin-passkey']")).to_be_hidden()
    home = demo_server.url.replace("127.0.0.1", "localhost")
    await expect(page.get_by_role("link", name=home)).to_have_attribute("href", f"{home}/profile/security")
