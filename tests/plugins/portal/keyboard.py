"""Somebody who has a keyboard alone: after each key it is seen where the focus is, and that it shows there."""

from typing import Any

from playwright.async_api import Page

_MOST_STOPS = 150
_LOOKS, _PAUSE_MS = 25, 20
_LOOK = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return { fault: "the focus is lost" };
  const around = [at, at.labels?.[0], at.nextElementSibling];
  for (let each = at.parentElement; each && around.length < 8; each = each.parentElement) around.push(each);
  const isRinged = (each) => each && getComputedStyle(each).outlineStyle !== "none"
    && parseFloat(getComputedStyle(each).outlineWidth) >= 2;
  const own = at.getBoundingClientRect();
  const shown = own.width <= 2 && own.height <= 2 ? at.labels?.[0] ?? at.parentElement : at;
  const box = shown.getBoundingClientRect();
  const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
  const [x, y] = [middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight)];
  const hit = document.elementFromPoint(x, y);
  const label = at.getAttribute("aria-label") || at.labels?.[0]?.innerText;
  const name = (label || at.innerText || at.title || at.id).trim();
  const fault = !around.some(isRinged) ? "does not show"
    : box.bottom <= 0 || box.top >= innerHeight ? "is out of sight"
    : hit && !shown.contains(hit) && !hit.contains(shown) ? `is behind ${hit.outerHTML.slice(0, 80)}` : "";
  return { name: name.replace(/\\s+/g, " "), html: at.outerHTML.slice(0, 120), fault };
}"""


class Keyboard:
    """Keys, and the focus that they move.

    Args:
        page: Without a pointer.
    """

    def __init__(self, page: Page) -> None:
        self.page = page

    async def look(self) -> str:
        """Return what the focus is on, by name; it is nowhere lost, hidden or without its ring."""
        seen: dict[str, Any] = {"fault": "never looked"}
        for _ in range(_LOOKS):
            seen = await self.page.evaluate(_LOOK)
            if not seen["fault"]:
                break
            # A dialog gives it back a moment after it has closed.
            await self.page.wait_for_timeout(_PAUSE_MS)
        assert not seen["fault"], f"the focus on {seen.get('html', 'nothing')}: {seen['fault']}"
        return str(seen["name"])

    async def press(self, *keys: str) -> None:
        """Press keys that keep the page."""
        for key in keys:
            await self.page.keyboard.press(key)
            await self.look()

    async def type(self, text: str) -> None:
        """Type in the field that has the focus."""
        await self.page.keyboard.type(text)
        await self.look()

    async def to(self, name: str, *, key: str = "Tab") -> None:
        """Move until the focus is on what is called so, whole or by its beginning."""
        passed = []
        for _ in range(_MOST_STOPS):
            await self.page.keyboard.press(key)
            # Beyond the last stop the focus is in the browser's own bar, and comes back to the first.
            if await self.page.evaluate("document.activeElement === document.body"):
                continue
            passed.append(await self.look())
            if passed[-1] == name or passed[-1].startswith(f"{name} "):
                return
        raise AssertionError(f"the keyboard does not reach {name!r}, only {passed}")

    async def open(self, path: str) -> None:
        """Open an address, as from a mail or a bookmark."""
        await self.page.goto(path)
        await self.page.wait_for_selector("html[data-ready]")

    async def follow(self, address: str, *, key: str = "Enter") -> None:
        """Press a key that leads to another page, as a pattern of its address."""
        await self.page.keyboard.press(key)
        await self.page.wait_for_url(address)
        await self.page.wait_for_selector("html[data-ready]")

    async def act(self, said: str) -> None:
        """Press Enter on what changes something and has the page read anew; the focus comes back with it."""
        toasts = self.page.locator("[data-toasts]")
        await self.page.keyboard.press("Enter")
        await toasts.get_by_text(said).wait_for()
        await self.page.wait_for_selector("html[data-ready]")
        await self.look()
