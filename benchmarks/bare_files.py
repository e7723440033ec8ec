"""The other side of an upload: a handler that writes whatever comes to a file, and does nothing else."""

import sys
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar, Request, get, post

from benchmarks.servers import HOST
from kernel.serve import bind, server_config
from kernel.settings import load_settings


@get("/health/live")
async def live() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "ok"}


def bare_app(path: Path) -> Litestar:
    """Return the application, which writes every upload over the last one."""

    @post("/upload", request_max_body_size=None)
    async def upload(request: Request[Any, Any, Any]) -> dict[str, int]:
        size = 0
        with path.open("wb") as file:
            async for chunk in request.stream():
                size += file.write(chunk)
        return {"size": size}

    return Litestar([live, upload], openapi_config=None, logging_config=None)


if __name__ == "__main__":
    uvicorn.Server(server_config(bare_app(Path(sys.argv[2])), load_settings())).run(
        sockets=[bind(HOST, int(sys.argv[1]))]
    )
