"""Has a picture drawn anew by a process of its own (`plugins.media.drawing`), which is given nothing but the picture.

The picture waits in a file meanwhile, never in memory. How what was drawn is stored stands in `actions.files`.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from anyio import open_file

from kernel.errors import TooLarge
from kernel.scratch import scratch_folder
from plugins.media.rules.inspecting import refusal
from plugins.media.rules.pictures import MOST_PIXELS, NO_PICTURE, TOO_MANY_PIXELS
from plugins.media.schemas import Drawn

AT_ONCE = 2
"""Pictures that one process of the server has drawn side by side; each may need a gigabyte for a moment."""
PATIENCE_S = 120
COMMAND = (sys.executable, "-I", "-m", "plugins.media.drawing")
CHUNK_BYTES = 256 * 1024
_drawing = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="drawing")


class Drawing(msgspec.Struct, frozen=True):
    """A file that was drawn, there as long as the block in which it was."""

    path: Path
    facts: Drawn

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return self.path.stat().st_size

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Give its bytes; close the generator (`aclosing`) when leaving early."""
        async with await open_file(self.path, "rb") as file:
            while chunk := await file.read(CHUNK_BYTES):
                yield chunk


@asynccontextmanager
async def drawn_anew(chunks: AsyncIterator[bytes], *, max_bytes: int) -> AsyncIterator[list[Drawing]]:
    """Give what is to be stored of a picture, the picture itself first.

    Args:
        chunks: The bytes as they were sent.
        max_bytes: More are refused.

    Raises:
        NotAPicture: It is damaged, or has too many pixels.
        TooLarge: As soon as more bytes have come.
    """
    with scratch_folder("picture") as folder:
        source = folder / "source"
        await _spool(chunks, source, max_bytes)
        answer = await asyncio.get_running_loop().run_in_executor(_drawing, _draw, str(source), str(folder))
        yield [Drawing(folder / each.name, each) for each in msgspec.json.decode(answer, type=list[Drawn])]


async def _spool(chunks: AsyncIterator[bytes], path: Path, max_bytes: int) -> None:
    size = 0
    async with await open_file(path, "xb") as file:
        async for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise TooLarge(f"The file is larger than {max_bytes} bytes.")
            await file.write(chunk)


def _draw(source: str, folder: str) -> bytes:
    command = [*COMMAND, source, folder]
    try:
        # The environment holds our secrets: it gets none of it.
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, env={}, timeout=PATIENCE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise refusal("image", "The picture takes too long to draw.") from None
    if result.returncode == TOO_MANY_PIXELS:
        raise refusal("image", f"The picture has more than {MOST_PIXELS:,} pixels.")
    if result.returncode == NO_PICTURE or result.returncode < 0:
        raise refusal("image", "The picture is damaged.")
    if result.returncode:
        raise RuntimeError(f"The drawing of pictures failed: {result.stderr.decode(errors='replace')[-2000:]}")
    return result.stdout
