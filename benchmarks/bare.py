"""The bare stack: a few Litestar handlers with raw asyncpg, under the same server, on the same database.

Written as one would by hand: verify the token, say which tenant the transaction is for, run the statements that ours
runs (`tape`), answer the same JSON. No session, limit, permission, plugin, request id, log or typed refusal. The audit
log is written by triggers of the tables, so this stack pays for it as ours does.
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import uvicorn
from litestar import Litestar, get
from litestar.handlers import HTTPRouteHandler

from benchmarks import tape
from benchmarks.bare_courses import courses_handler
from benchmarks.bare_curriculum import progress_handler, sections_handler
from benchmarks.bare_me import me_handler
from benchmarks.bare_redemption import redeem_handler
from benchmarks.bare_tokens import Tokens
from benchmarks.servers import HOST
from benchmarks.tape import Step, Tapes, TapeUnknown
from kernel.serve import bind, server_config
from kernel.settings import Settings, load_settings

_HANDLERS: Mapping[str, Callable[[Tokens, Sequence[Step]], HTTPRouteHandler]] = {
    "courses": courses_handler,
    "curriculum": sections_handler,
    "me": me_handler,
    "progress": progress_handler,
    "redeem": redeem_handler,
}


@get("/health/live")
async def live() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


def bare_app(settings: Settings, tapes: Tapes) -> Litestar:
    """Return the application; what has no tape, it does not answer."""
    tokens = Tokens(settings.secret_keys)
    handlers: list[HTTPRouteHandler] = [live]
    handlers += [make(tokens, tapes[name]) for name, make in _HANDLERS.items() if name in tapes]

    @asynccontextmanager
    async def open_pool(app: Litestar) -> AsyncIterator[None]:
        url = settings.database_url.replace("+asyncpg", "")
        async with asyncpg.create_pool(url, min_size=1, max_size=settings.database_pool_size) as pool:
            app.state.pool = pool
            yield

    return Litestar(handlers, lifespan=[open_pool], openapi_config=None, logging_config=None)


def main() -> None:
    """Serve it at a port, from a file of tapes, as `collegium serve` serves ours."""
    port, tapes = int(sys.argv[1]), tape.load(Path(sys.argv[2]))
    settings = load_settings()
    try:
        app = bare_app(settings, tapes)
    except TapeUnknown as error:
        sys.exit(str(error))
    uvicorn.Server(server_config(app, settings)).run(sockets=[bind(HOST, port)])


if __name__ == "__main__":
    main()
