"""Browsers of tests: clients with a scheme, an address and cookies."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from litestar import Litestar

from kernel.app import served
from kernel.testing import School

Browser = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def browser(litestar_app: Litestar) -> AsyncIterator[Browser]:
    """Make clients that nobody is signed in to, by calling it with a school, a scheme and an address."""
    async with AsyncExitStack() as stack:

        async def make(school: School, *, scheme: str = "http", address: str = "127.0.0.1") -> httpx.AsyncClient:
            return await stack.enter_async_context(
                httpx.AsyncClient(
                    transport=httpx.ASGITransport(app=served(litestar_app), client=(address, 50_000)),
                    base_url=f"{scheme}://{school.host}/api/v1",
                )
            )

        yield make
