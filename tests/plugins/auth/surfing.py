"""A browser without a screen: it goes from a school to a provider, fills in its forms and comes back."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from msgspec import Struct

PROVIDER = Path(__file__).with_name("openid_provider.mjs")
HTML = {"Accept": "text/html,application/xhtml+xml"}
CLIENT: Mapping[str, Any] = {"client_id": "collegium", "client_secret": "a secret: 100% + more"}
_ACTION = re.compile(r'<form[^>]* action="([^"]+)"')
_PROMPT = re.compile(r'name="prompt" value="(\w+)"')


class Landing(Struct, frozen=True):
    """Where a browser was sent."""

    path: str
    query: Mapping[str, str]


def landing(answer: httpx.Response) -> Landing:
    """Return where a redirect leads."""
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    return Landing(parts.path, {name: value for name, (value,) in parse_qs(parts.query).items()})


def query_of(url: str) -> dict[str, str]:
    """Return the parameters of an address."""
    return {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}


async def begin(browser: httpx.AsyncClient, provider: str = "real", **query: str) -> str:
    """Start to sign in and return the address at the provider."""
    answer = await browser.get(f"/auth/oauth/{provider}/login", params=query, headers=HTML)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


async def sign_in_at(url: str, email: str, *, declines: bool = False) -> str:
    """Sign in at the real provider, in a browser of its own there, and return the callback's address."""
    async with httpx.AsyncClient(trust_env=False) as there:
        answer = await there.get(url)
        for _ in range(10):
            if answer.is_redirect:
                location = str(answer.url.join(answer.headers["location"]))
                if "/callback" in location:
                    return location
                answer = await there.get(location)
            elif declines:
                answer = await there.get(f"{_ACTION.findall(answer.text)[0]}/abort")
            else:
                form = {"prompt": _PROMPT.findall(answer.text)[0], "login": email, "password": "anything"}
                answer = await there.post(_ACTION.findall(answer.text)[0], data=form)
    raise AssertionError(f"the provider did not send anybody back: {answer.status_code} {answer.text}")


async def come_back(browser: httpx.AsyncClient, url: str) -> httpx.Response:
    """Open the callback's address in the browser."""
    return await browser.get(url, headers=HTML)


async def sign_in_by_provider(browser: httpx.AsyncClient, email: str, **query: str) -> httpx.Response:
    """Go to the real provider, sign in there and come back; return what the callback answers."""
    return await come_back(browser, await sign_in_at(await begin(browser, **query), email))
