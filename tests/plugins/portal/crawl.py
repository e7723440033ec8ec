"""Following links: from where a reader begins, page by page, one of each kind."""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

import httpx

HTML = {"Accept": "text/html,application/xhtml+xml"}
MOST_PAGES = 120
_ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}(?=/|$)")
_SLUG = re.compile(r"^/(courses|learn|admin/mail-templates|admin/tasks)/(?!new$|failed$)[^/]+")
_NOT_PAGES = ("/static/", "/api/", "/theme.css", "/manifest.webmanifest")


@dataclass
class Page:
    """What a page holds: where its links lead, where its forms send to, and what it says."""

    path: str
    status: int
    links: set[str] = field(default_factory=set)
    sends: set[str] = field(default_factory=set)
    text: str = ""


class _Reading(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.words: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self.silent += 1
        for name, value in attrs:
            if tag == "a" and name == "href" and value:
                self.page.links.add(urljoin(self.page.path, value))
            elif name in ("data-api", "action") and value:
                self.page.sends.add(value)
            elif name in ("aria-label", "placeholder") and value:
                self.words.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self.silent -= 1

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


async def read(client: httpx.AsyncClient, path: str) -> Page:
    """Open a page as a browser does, and take it apart."""
    answer = await client.get(f"http://{client.base_url.host}{path}", headers=HTML, follow_redirects=True)
    page = Page(path, answer.status_code)
    if answer.headers.get("content-type", "").startswith("text/html"):
        reading = _Reading(page)
        reading.feed(answer.text)
        page.text = " ".join(" ".join(reading.words).split())
    return page


def plain(link: str) -> str:
    """Return the path that a link names, in letters."""
    return unquote(urlsplit(link).path)


def kind_of(path: str) -> str:
    """Return what pages of one kind share: the path without ids, slugs and what is asked."""
    return _SLUG.sub(r"/\1/*", _ID.sub("/*", urlsplit(path).path))


async def crawl(client: httpx.AsyncClient, wanted: Iterable[str] = ()) -> dict[str, Page]:
    """Follow the links from the start; of each kind one page, and those that are wanted; without what a link asks.

    Returns:
        The pages by their path, in letters.
    """
    named = set(wanted)
    waiting = deque(["/dashboard", "/"])
    kinds: set[str] = set()
    pages: dict[str, Page] = {}
    while waiting and len(pages) < MOST_PAGES:
        path = waiting.popleft()
        name = plain(path)
        if name in pages or (kind_of(path) in kinds and name not in named):
            continue
        kinds.add(kind_of(path))
        page = pages[name] = await read(client, path)
        for link in sorted(page.links):
            if link.startswith("/") and not link.startswith(("//", *_NOT_PAGES)):
                waiting.append(urlsplit(link)._replace(fragment="", query="").geturl())
    return pages
