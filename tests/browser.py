"""A real browser for tests: the system's Chromium, driven by Playwright."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.node import MODULES

CHROMIUM = Path("/usr/bin/chromium")
AXE = MODULES / "axe-core" / "axe.min.js"


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run a headless Chromium, of Debian's package; it plays videos without being asked by a click."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser for one test."""
    async with chromium() as browser:
        yield browser


async def violations(page: Page, rules: Sequence[str] = ()) -> list[str]:
    """Return what axe-core finds wrong on the page as it stands: the rule, and the first element that breaks it.

    Args:
        page: Shown.
        rules: The names of those that are looked at; all when empty.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate(
        """async (rules) => {
          const options = { resultTypes: ["violations"], ...(rules.length && { runOnly: rules }) };
          return (await axe.run(options)).violations.map((v) => `${v.id}: ${v.nodes[0].html}`);
        }""",
        list(rules),
    )
    return [str(each) for each in found]
