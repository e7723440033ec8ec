"""How long a client may take to send a request: half a request must not stay open, and uvicorn lets it (rule 31).

A head has a fixed time and size. A body has a fixed time and then as much more as it would need at a slow but honest
rate; what the server itself does not read in time is not counted against the client. How long the answer may take is
`kernel.door`.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from kernel.answer_headers import Header
from kernel.file_sending import CAN_SEND, FileSending

HEAD_S = 10.0
MOST_HEAD_BYTES = 65_536
BODY_S = 20.0
LEAST_BYTES_PER_S = 2_000
LINGER_S = 0.5
"""How long an idle connection stays open once the server stops, for a request that is on its way."""
_LOOK_S = 1.0
_TOO_SLOW = "408 Request Timeout"
_TOO_LONG = "431 Request Header Fields Too Large"


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol that gives up on clients who do not finish their request, and that can send files.

    Args:
        arguments: What uvicorn gives.
        standing: The headers of every answer, for those that no application makes.
        options: What uvicorn gives by name.
    """

    def __init__(self, *arguments: Any, standing: Sequence[Header] = (), **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._standing = standing
        self._timer: TimerHandle | None = None
        self._in_head = True
        self._in_body = False
        self._is_leaving = False
        self._head_bytes = 0
        self._body_bytes = 0
        self._paused_s = 0.0
        self._body_since = 0.0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, self._refuse, _TOO_SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; it has timeouts of its own from here on."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Read on, and wait for the rest of what has begun."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(_TOO_LONG)
        elif self._timer is None and self._in_head and self._head_bytes:
            self._timer = self.loop.call_later(HEAD_S, self._refuse, _TOO_SLOW)
        elif self._timer is None and self._in_body:
            self._timer = self.loop.call_later(_LOOK_S, self._look_at_body)

    def on_headers_complete(self) -> None:
        """Leave the head."""
        self._stop_waiting()
        self._in_head, self._head_bytes = False, 0
        self._in_body, self._body_bytes, self._paused_s, self._body_since = True, 0, 0.0, self.loop.time()
        super().on_headers_complete()
        if self._is_leaving and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Count what has come."""
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Leave the body; the next head begins with its first byte."""
        self._stop_waiting()
        self._in_head, self._in_body = True, False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # Through TLS only bytes can go.
        can_send_files = CAN_SEND and cycle.scope["scheme"] == "http"
        super()._start_asgi_task(cycle, FileSending(app, cycle, self.loop) if can_send_files else app)

    def shutdown(self) -> None:
        """End the connection after the request that has begun, or that comes in the next moment."""
        self._is_leaving = True
        if self._is_idle():
            self.loop.call_later(LINGER_S, self._leave)
        else:
            super().shutdown()

    def _leave(self) -> None:
        if self._is_idle() and not self._head_bytes:
            self.transport.close()

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _look_at_body(self) -> None:
        if self.flow.read_paused:
            self._paused_s += _LOOK_S
        took_s = self.loop.time() - self._body_since - self._paused_s
        if took_s > BODY_S + self._body_bytes / LEAST_BYTES_PER_S:
            self._refuse(_TOO_SLOW)
        else:
            self._timer = self.loop.call_later(_LOOK_S, self._look_at_body)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def send_400_response(self, msg: str) -> None:
        """Say that what came is no HTTP."""
        self._stop_waiting()
        self._end("400 Bad Request", msg.encode())

    def _refuse(self, status: str) -> None:
        self._stop_waiting()
        if self._is_idle() or not self.cycle.response_started:
            self._end(status)
        self.transport.close()

    def _end(self, status: str, text: bytes = b"") -> None:
        """Answer in the application's stead, as the last that goes over this connection."""
        headers = [
            *self._standing,
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(text)).encode()),
            (b"connection", b"close"),
        ]
        lines = (b"%s: %s\r\n" % pair for pair in headers)
        self.transport.write(b"".join([f"HTTP/1.1 {status}\r\n".encode(), *lines, b"\r\n", text]))
        self.transport.close()
