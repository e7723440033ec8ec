"""`make screenshots`: every row of the table of pages, at both widths, light, dark and in Arabic, into a folder.

It visits a running demonstration, named by its address, with the demonstration's people.
"""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from plugins.auth.demo.accounts import PASSWORD
from tests.browser import CHROMIUM
from tests.plugins.portal.pages import ROWS

LOOKS = {"light": ("light", "en"), "dark": ("dark", "en"), "arabic": ("light", "ar")}


async def photograph(chromium: Browser, origin: str, folder: Path, width: int, look: str) -> None:
    """Draw all pages in one look."""
    scheme, locale = LOOKS[look]
    contexts = {}
    for row in ROWS:
        if row.reader not in contexts:
            context = await chromium.new_context(
                base_url=origin,
                viewport={"width": width, "height": 860},
                color_scheme="dark" if scheme == "dark" else "light",
                locale=locale,
                reduced_motion="reduce",
            )
            if row.reader != "visitor":
                login = {"email": f"{row.reader}@example.com", "password": PASSWORD}
                answer = await context.request.post("/api/v1/auth/login", data=login)
                if not answer.ok:
                    raise SystemExit(f"{row.reader} cannot sign in: {await answer.text()}")
            contexts[row.reader] = context
        page = await contexts[row.reader].new_page()
        await page.goto(row.path)
        await page.wait_for_selector("html[data-ready]")
        await page.screenshot(path=folder / f"{row.name}-{width}-{look}.png", full_page=True)
        await page.close()
    for context in contexts.values():
        await context.close()


async def main(origin: str, folder: Path) -> None:
    """Draw everything."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1280, 390):
            for look in LOOKS:
                await photograph(chromium, origin, folder, width, look)
        await chromium.close()


if __name__ == "__main__":
    pictures = Path(sys.argv[2])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], pictures))
