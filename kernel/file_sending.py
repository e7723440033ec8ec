"""Sends files that nobody reads: the ASGI extension `http.response.zerocopysend`, which uvicorn lacks, by sendfile(2).

A disk may keep a sender waiting, so threads do it, a bounded time each. A client that takes its time is waited for by
the event loop and holds no thread. Which file, and which part of it, is said by the application.
"""

import os
import select
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from uvicorn.protocols.http.flow_control import FlowControl
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

EXTENSION = "http.response.zerocopysend"
CAN_SEND = hasattr(os, "sendfile")
THREADS = 4
_MOST_BYTES = 8 * 1024 * 1024
_MOST_S = 0.05
"""So long one client has a thread, before others that wait for one have their turn."""
_PATIENCE_MS = 1
"""So long a thread waits for a client: one that reads as fast as memory is sent everything by a single call."""
_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="file-sending")


class HasFileno(Protocol):
    """What has a descriptor, such as an open file."""

    def fileno(self) -> int:
        """Return it."""
        ...


class FileSending:
    """The application of one request, which may hand over parts of files besides bytes.

    Args:
        app: The application.
        cycle: The request's, of a connection without TLS.
        loop: The event loop.
    """

    def __init__(self, app: Any, cycle: "RequestResponseCycle", loop: Any) -> None:
        self._app = app
        self._cycle = cycle
        self._loop = loop

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        """Serve the request."""
        scope["extensions"] = {**scope.get("extensions", {}), EXTENSION: {}}
        answer: Awaitable[None] = self._app(scope, receive, self._send)
        return answer

    def _send(self, message: Any) -> Awaitable[None]:
        return self._send_file(message) if message["type"] == EXTENSION else self._cycle.send(message)

    async def _send_file(self, message: Any) -> None:
        """Send `count` bytes from `offset` of the open file `file`; both have to be said."""
        cycle, count = self._cycle, message["count"]
        if not cycle.response_started or cycle.chunked_encoding or count > cycle.expected_content_length:
            raise RuntimeError("A part of a file follows headers that announce at least so many bytes.")
        if not cycle.disconnected:
            await self._transfer(message["file"], message["offset"], count)
        cycle.expected_content_length -= count
        more = message.get("more_body", False)
        await cycle.send({"type": "http.response.body", "body": b"", "more_body": more})

    async def _transfer(self, file: HasFileno, offset: int, count: int) -> None:
        cycle, transport = self._cycle, self._cycle.transport
        transfer = _Transfer(transport.get_extra_info("socket"), file, offset, count)
        try:
            # What the transport holds goes first; from here on it holds nothing, for it is given nothing.
            transport.set_write_buffer_limits(high=0)
            await cycle.flow.drain()
            while transfer.left and not cycle.disconnected:
                await self._loop.run_in_executor(_threads, transfer.go_on)
                if transfer.left and not cycle.disconnected:
                    await self._until_writable(transfer.socket, cycle.flow)
        except (ConnectionError, TimeoutError):
            # As uvicorn does of bytes, nobody is told that the client has gone but by the next `receive`.
            cycle.disconnected = True
            cycle.message_event.set()
            transport.close()
        finally:
            transfer.close()
            if not transport.is_closing():
                transport.set_write_buffer_limits()

    async def _until_writable(self, socket: int, flow: "FlowControl") -> None:
        """Wait until the client has taken something, or has gone, of which uvicorn tells its flow control too."""
        flow.pause_writing()
        self._loop.add_writer(socket, flow.resume_writing)
        try:
            await flow.drain()
        finally:
            self._loop.remove_writer(socket)
            flow.resume_writing()


class _Transfer:
    """A part of a file on its way into a socket.

    It has descriptors of its own: a cancelled request leaves its thread running, and whoever gave these may close them.
    """

    def __init__(self, socket: HasFileno, file: HasFileno, offset: int, count: int) -> None:
        self.left = count
        self._offset = offset
        self._lock = Lock()
        self._closed = False
        self._file = os.dup(file.fileno())
        try:
            self.socket = os.dup(socket.fileno())
        except OSError:
            os.close(self._file)
            raise
        self._writable = select.poll()
        self._writable.register(self.socket, select.POLLOUT)

    def go_on(self) -> None:
        """Send until the client does not keep up, the time is over, or nothing is left.

        Raises:
            EOFError: The file is shorter than it was.
        """
        end = monotonic() + _MOST_S
        try:
            with self._lock:
                while self.left and not self._closed and monotonic() < end:
                    if not self._send_some() and not self._writable.poll(_PATIENCE_MS):
                        return
        finally:
            if self._closed:
                self.close()

    def _send_some(self) -> bool:
        """Send what the socket takes, and say whether it has taken anything."""
        with suppress(BlockingIOError):
            count = os.sendfile(self.socket, self._file, self._offset, min(self.left, _MOST_BYTES))
            if not count:
                raise EOFError("the file ends before the part that was to be sent")
            self._offset += count
            self.left -= count
            return True
        return False

    def close(self) -> None:
        """Let go of the descriptors, at once or as soon as the thread that sends has come back."""
        self._closed = True
        if self._lock.acquire(blocking=False):
            try:
                for descriptor in (self.socket, self._file):
                    if descriptor >= 0:
                        os.close(descriptor)
                self.socket = self._file = -1
            finally:
                self._lock.release()
