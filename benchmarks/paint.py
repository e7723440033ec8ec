"""How soon somebody sees a page: the first contentful paint of main pages, as Chromium's own trace tells it.

Each view is a first one: a browser context of its own, with nothing but the cookies of somebody who is signed in. It
counts from the beginning of the navigation to the first paint with a text or a picture.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from playwright.sync_api import Browser, BrowserContext, StorageState, sync_playwright

from benchmarks.report import Finding, weighed
from kernel.serve import DEMO_PASSWORD
from tests.browser import CHROMIUM
from tests.plugins.portal.pages import Reader

MOST_S = 1.0
_VIEWS = 3
_WIDTHS = (1280, 390)
_CATEGORIES = ["blink.user_timing", "loading", "devtools.timeline"]
_BEGIN, _PAINT = "navigationStart", "firstContentfulPaint"
_UNTIL_PAINTED = """() => new Promise((done) => new PerformanceObserver((seen) => {
  if (seen.getEntriesByName("first-contentful-paint").length) done();
}).observe({ type: "paint", buffered: true }))"""
MEASURED: Sequence[tuple[Reader, str]] = (
    ("visitor", "/"),
    ("visitor", "/courses"),
    ("visitor", "/sign-in"),
    ("student", "/dashboard"),
    ("student", "/courses/{course}"),
    ("student", "/learn/{course}/{server_video}"),
    ("instructor", "/dashboard"),
    ("instructor", "/teach/courses/{published}/curriculum"),
    ("admin", "/dashboard"),
    ("admin", "/admin/users"),
    ("admin", "/admin/audit"),
)
"""Where people begin, and the largest pages of each audience."""


class _Event(msgspec.Struct):
    """What a trace tells of a moment."""

    name: str = ""
    ts: float = 0.0
    """In microseconds."""
    args: dict[str, Any] = {}


class _Trace(msgspec.Struct):
    traceEvents: list[_Event]  # noqa: N815 - as Chromium calls it


class NotPainted(Exception):
    """A page showed nothing."""


def is_possible() -> bool:
    """Whether there is a browser to look with."""
    return CHROMIUM.exists()


def first_paints(origin: str, places: Mapping[str, str], tell: Callable[[str], None]) -> Finding:
    """Open the pages of a served demonstration and return how the slowest does.

    Raises:
        NotPainted: A page showed nothing.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            took = dict(_middle(browser, origin, places, tell))
        finally:
            browser.close()
    worst = sorted(took, key=lambda name: -took[name])[:3]
    note = "".join(f"\n{name} {took[name]:.2f}" for name in worst)
    return weighed("paint", took[worst[0]], most=MOST_S, unit="s", note=note)


def _middle(
    browser: Browser, origin: str, places: Mapping[str, str], tell: Callable[[str], None]
) -> Iterator[tuple[str, float]]:
    signed_in = {reader: _signed_in(browser, origin, reader) for reader in dict.fromkeys(each for each, _ in MEASURED)}
    for reader, page in MEASURED:
        for width in _WIDTHS:
            tell(f"paint: {reader} {page} at {width}")
            path, views = page.format_map(places), []
            for _ in range(_VIEWS):
                context = browser.new_context(
                    base_url=origin, viewport={"width": width, "height": 860}, storage_state=signed_in[reader]
                )
                views.append(_seen_after(browser, context, path))
                context.close()
            yield f"{reader} {page} at {width}", statistics.median(views)


def _signed_in(browser: Browser, origin: str, reader: Reader) -> StorageState:
    context = browser.new_context(base_url=origin)
    if reader != "visitor":
        credentials = {"email": f"{reader}@example.com", "password": DEMO_PASSWORD}
        answer = context.request.post("/api/v1/auth/login", data=credentials)
        assert answer.ok, answer.text()
    state = context.storage_state()
    context.close()
    return state


def _seen_after(browser: Browser, context: BrowserContext, path: str) -> float:
    """Return after how many seconds a page is seen."""
    page = context.new_page()
    browser.start_tracing(page=page, categories=_CATEGORIES)
    page.goto(path)
    page.evaluate(_UNTIL_PAINTED)
    events = msgspec.json.decode(browser.stop_tracing(), type=_Trace).traceEvents
    painted = [each for each in events if each.name == _PAINT]
    if not painted:
        raise NotPainted(f"{path}: the trace knows of no {_PAINT}")
    last = max(painted, key=lambda each: each.ts)
    began = [each.ts for each in events if each.name == _BEGIN and each.args.get("frame") == last.args.get("frame")]
    return (last.ts - max(each for each in began if each <= last.ts)) / 1e6
