"""Every page in a real browser: axe-core, the console, widths and headings, in both languages, widths and colours.

A page is loaded once for each language; then the window and the colours change under it, as they do for people.
"""

from typing import Any, NamedTuple

import pytest
from playwright.async_api import BrowserContext, ConsoleMessage, Page

from tests.browser import violations
from tests.plugins.portal.conftest import Site
from tests.plugins.portal.furnished import Readers
from tests.plugins.portal.pages import ROWS, Row
from tests.plugins.portal.places import path_of

CHUNK = 8
_REFUSED = ("status of 404", "status of 403")
"""What the browser itself says of a page that is a refusal."""
_COLOURS = ("color-contrast", "link-in-text-block")
"""What the other colours can break; all else has been looked at in the light."""


class Look(NamedTuple):
    """A window, and which rules of axe-core it may break; all where none is named."""

    width: int
    dark: bool = False
    rules: tuple[str, ...] = ()


LOOKS = {
    "en": (Look(1280), Look(1280, dark=True, rules=_COLOURS), Look(390), Look(390, dark=True, rules=_COLOURS)),
    "ar": (Look(1280, dark=True), Look(390)),
}
NARROWEST = 320


def listen(page: Page) -> list[str]:
    """Return what the console will have said."""
    said: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(each in message.text for each in _REFUSED):
            said.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


@pytest.mark.parametrize("locale", LOOKS)
@pytest.mark.parametrize(
    "rows",
    [ROWS[start : start + CHUNK] for start in range(0, len(ROWS), CHUNK)],
    ids=lambda rows: f"{rows[0].name}..{rows[-1].name}",
)
async def test_every_page_is_without_fault(
    furnished_site: Site, readers: Readers, places: dict[str, str], rows: tuple[Row, ...], locale: str
) -> None:
    faults: list[str] = []
    contexts: dict[str, BrowserContext] = {}
    for row in rows:
        if row.reader not in contexts:
            contexts[row.reader] = await furnished_site.visit(person=readers[row.reader], locale=locale)
        page = await contexts[row.reader].new_page()
        faults += [f"{row.name}: {each}" for each in await _faults(page, path_of(row, places), locale)]
        await page.close()
    for context in contexts.values():
        await context.close()
    assert faults == []


async def _faults(page: Page, path: str, locale: str) -> list[str]:
    said = listen(page)
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")
    faults: list[str] = []
    for look in LOOKS[locale]:
        await page.set_viewport_size({"width": look.width, "height": 860})
        await page.emulate_media(color_scheme="dark" if look.dark else "light")
        name = f"{look.width}{' dark' if look.dark else ''} {locale}"
        faults += [f"{name}: {each}" for each in await violations(page, look.rules)]
        heads = await page.locator("h1:visible").count()
        faults += [f"{name}: {heads} headings of the first rank"] if heads != 1 else []
        faults += await _too_wide(page, name)
    await page.set_viewport_size({"width": NARROWEST, "height": 860})
    faults += await _too_wide(page, f"{NARROWEST} {locale}")
    return faults + said


async def _too_wide(page: Page, name: str) -> list[str]:
    """Return what makes the page scroll sideways: the innermost element that reaches over the edge."""
    found: dict[str, Any] = await page.evaluate(
        """() => {
          const root = document.documentElement, wide = root.scrollWidth - root.clientWidth;
          if (wide <= 0) return { wide };
          const over = [...document.querySelectorAll("body *")].filter((each) => {
            const box = each.getBoundingClientRect();
            return box.width && (box.right > root.clientWidth + 1 || box.left < -1);
          });
          return { wide, html: over.at(-1)?.outerHTML.slice(0, 200) };
        }"""
    )
    return [f"{name}: {found['wide']} px too wide: {found.get('html')}"] if found["wide"] > 0 else []
