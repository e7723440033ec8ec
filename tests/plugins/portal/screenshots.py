"""`make screenshots`: every row of the table of pages, at both widths, light, dark and in Arabic, into a folder.

It visits a running demonstration, named by its address, with the demonstration's people: a few pages at a time, and
signed in anew for each look, since all of them take longer than an access token lasts.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from plugins.auth.demo.accounts import PASSWORD
from tests.browser import CHROMIUM
from tests.plugins.portal.pages import ROWS, Reader, Row
from tests.plugins.portal.places import Ask, find_places, path_of

AT_ONCE = 3
_SHOW_PICTURES = """async () => {
  for (const each of document.images) each.loading = "eager";
  await Promise.all([...document.images].map((each) => each.decode().catch(() => null)));
}"""
"""A browser draws those below the fold only once somebody goes there."""
LOOKS = {"light": ("light", "en"), "dark": ("dark", "en"), "arabic": ("light", "ar")}


def asking(chromium: Browser, origin: str, signed_in: dict[str, Any]) -> Ask:
    """Return how the readers ask the API of the demonstration."""

    async def ask(reader: Reader, path: str) -> Any:
        context = await chromium.new_context(base_url=origin, storage_state=signed_in[reader])
        answer = await context.request.get(f"/api/v1{path}")
        if not answer.ok:
            raise SystemExit(f"{reader} cannot read {path}: {await answer.text()}")
        found = await answer.json()
        await context.close()
        return found

    return ask


async def sign_ins(chromium: Browser, origin: str) -> dict[str, Any]:
    """Return the cookies of each reader; the demonstration counts tries, so this may wait a minute."""
    found: dict[str, Any] = {}
    for reader in sorted({row.reader for row in ROWS}):
        context = await chromium.new_context(base_url=origin)
        login = {"email": f"{reader}@example.com", "password": PASSWORD}
        while reader != "visitor":
            answer = await context.request.post("/api/v1/auth/login", data=login)
            if answer.ok:
                break
            if answer.status != 429:
                raise SystemExit(f"{reader} cannot sign in: {await answer.text()}")
            await asyncio.sleep(int(answer.headers["retry-after"]))
        found[reader] = await context.storage_state()
        await context.close()
    return found


async def photograph(
    chromium: Browser, paths: Mapping[Row, str], origin: str, folder: Path, width: int, look: str
) -> None:
    """Draw all pages in one look."""
    signed_in = await sign_ins(chromium, origin)
    scheme, locale = LOOKS[look]
    places = asyncio.Semaphore(AT_ONCE)

    async def draw(row: Row, path: str) -> None:
        async with places:
            context = await chromium.new_context(
                base_url=origin,
                viewport={"width": width, "height": 860},
                color_scheme="dark" if scheme == "dark" else "light",
                locale=locale,
                reduced_motion="reduce",
                storage_state=signed_in[row.reader],
            )
            page = await context.new_page()
            answer = await page.goto(path)
            if answer is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise SystemExit(f"{row.name} cannot be drawn: {path} fails.")
            await page.wait_for_selector("html[data-ready]")
            await page.evaluate(_SHOW_PICTURES)
            await page.screenshot(path=folder / f"{row.name}-{width}-{look}.png", full_page=True)
            await context.close()

    async with asyncio.TaskGroup() as group:
        for row, path in paths.items():
            group.create_task(draw(row, path))


def _found(places: dict[str, str], names: Sequence[str]) -> Iterator[tuple[Row, str]]:
    """Yield the rows and their paths; what the demonstration has nothing of is named and left out."""
    for row in ROWS:
        if names and row.name not in names:
            continue
        try:
            yield row, path_of(row, places)
        except LookupError as missing:
            print(missing, file=sys.stderr)


async def main(origin: str, folder: Path, names: Sequence[str] = ()) -> None:
    """Draw everything, or the rows of these names."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        signed_in = await sign_ins(chromium, origin)
        ask = asking(chromium, origin, signed_in)
        places = await find_places(ask)
        if "preparing" in await ask("student", f"/videos/{places['server_video']}/stream"):
            print("The demonstration's films are still being prepared, and are drawn so.", file=sys.stderr)
        paths = dict(_found(places, names))
        for width in (1280, 390):
            for look in LOOKS:
                begun = time.monotonic()
                await photograph(chromium, paths, origin, folder, width, look)
                print(f"{len(paths)} pages, {width} pixels, {look}: {time.monotonic() - begun:.0f} s")
        await chromium.close()


if __name__ == "__main__":
    pictures = Path(sys.argv[2])
    pictures.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(sys.argv[1], pictures, sys.argv[3:]))
