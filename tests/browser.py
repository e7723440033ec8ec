"""A real browser for tests: the system's Chromium, driven by Playwright."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.node import MODULES

CHROMIUM = Path("/usr/bin/chromium")
AXE = MODULES / "axe-core" / "axe.min.js"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium, of Debian's package; it plays videos without being asked by a click."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        try:
            yield chromium
        finally:
            await chromium.close()


async def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong on the page as it stands: the rule, and the first element that breaks it."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("async () => (await axe.run()).violations.map(v => `${v.id}: ${v.nodes[0].html}`)")
    return [str(each) for each in found]
