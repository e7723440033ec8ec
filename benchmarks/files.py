"""Large files: taking one, against a handler that writes it to a file; sending one, against nginx on the same disk.

Ours tells what a file is, hashes it, and has it safe on the disk before it answers; it checks signature and session of
whoever asks for one. One client at a time, over a new connection each round: figures are megabytes of 64 MiB files.
"""

import asyncio
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.cores import Cores
from benchmarks.load import UnexpectedAnswer, request_bytes
from benchmarks.report import Finding, Round, compared
from benchmarks.servers import HOST, Server, Start, environment_of, free_port, running, serve_words
from kernel.app import create_app, opened, served
from kernel.settings import Settings
from kernel.testing import make_school

NAMES = ("upload", "video", "proxied")
LEAST_UPLOADED, LEAST_SENT, LEAST_PROXIED = 0.5, 0.5, 0.95
MEGABYTES = 64
_UPLOADS, _DOWNLOADS = 2, 8
_BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW6"  # as long as browsers make it; short ones are looked for longer
_HEAD = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42"
_FORM = b'--%s\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n%s\r\n--%s--\r\n'
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXECUTE = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
_NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;
events {{}}
http {{
    access_log off; sendfile on; default_type video/mp4; proxy_max_temp_file_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    upstream ours {{ server {host}:{ours}; keepalive 8; }}
    server {{
        listen {host}:{port};
        location = /health/live {{ return 200; }}
        location /plain/ {{ alias {root}/; }}
        location /stored/ {{ internal; alias {root}/; }}
        location /media/ {{
            proxy_pass http://ours; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


class Material(msgspec.Struct, frozen=True):
    """Requests that are ready to send: an upload to ours and to the bare handler, a video from ours and from nginx."""

    upload: bytes
    bare_upload: bytes
    video: bytes
    plain_video: bytes


def large_files(
    settings: Settings,
    folder: Path,
    cores: Cores,
    *,
    names: tuple[str, ...],
    rounds: int,
    tell: Callable[[str], None],
) -> Iterator[Finding]:
    """Yield the findings that are wanted; those of nginx are left out where there is none."""
    tell("files: making a video")
    material = asyncio.run(_material(settings))
    root = Path(settings.storage_url.removeprefix("file://"))
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    port, other = free_port(), free_port()
    measured = partial(_in_turn, rounds=rounds, tell=tell)
    with running(Start(serve_words(port), environment_of(settings), folder / "files.log", cores.server), port) as ours:
        if "upload" in names:
            words = ["-m", "benchmarks.bare_files", str(other), str(folder / "uploaded")]
            start = Start(words, environment_of(settings), folder / "bare-files.log", cores.server, "/health/live")
            with running(start, other) as bare:
                sides = ((ours, material.upload), (bare, material.bare_upload))
                yield compared("upload", measured("upload", sides, _UPLOADS), target=LEAST_UPLOADED)
        if "video" in names and nginx:
            with running(_nginx(nginx, folder, root, other, port, cores), other) as proxy:
                sides = ((ours, material.video), (proxy, material.plain_video))
                yield compared("video", measured("video", sides, _DOWNLOADS), target=LEAST_SENT)
    if "proxied" in names and nginx:
        behind = msgspec.structs.replace(settings, storage_proxy_path="/stored/")
        start = Start(serve_words(port), environment_of(behind), folder / "files.log", cores.server)
        with running(start, port), running(_nginx(nginx, folder, root, other, port, cores), other) as proxy:
            sides = ((proxy, material.video), (proxy, material.plain_video))
            yield compared("proxied", measured("proxied", sides, _DOWNLOADS), target=LEAST_PROXIED)
    if not nginx:
        yield from (_left_out(name) for name in ("video", "proxied") if name in names)


def _left_out(name: str) -> Finding:
    return Finding(name=name, ours="left out: no nginx", target=f"≥ {LEAST_SENT}", is_met=True)


def _nginx(program: str, folder: Path, root: Path, port: int, ours: int, cores: Cores) -> Start:
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, host=HOST, port=port, root=root, ours=ours))
    words = ["-c", _EXECUTE, program, "-p", str(folder), "-c", str(configuration)]
    return Start(words, {}, folder / "nginx.log", cores.server, "/health/live")


async def _material(settings: Settings) -> Material:
    content = _HEAD + bytes(MEGABYTES * 1024**2 - len(_HEAD))
    form = _FORM % (_BOUNDARY, content, _BOUNDARY)
    async with opened(settings) as deployment, AsyncExitStack() as stack:
        school = await make_school(deployment, served(create_app(deployment)), stack)
        person = await school.person("instructor")
        kind = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY.decode()}"}
        url = (await person.post("/upload/video", content=form, headers=kind)).json()["url"]
        token = person.client.headers["Authorization"].removeprefix("Bearer ")
        plain = url.partition("?")[0].replace("/media/", "/plain/")
        video = _played(request_bytes("GET", url, host=school.host, token=token))
        upload = _upload("/api/v1/upload/video", form, host=school.host, token=token)
        return Material(upload, _upload("/upload", form), video, _played(request_bytes("GET", plain)))


def _played(request: bytes) -> bytes:
    """Return the request as players send it, who ask for everything as a range."""
    return request.removesuffix(b"\r\n") + b"Range: bytes=0-\r\n\r\n"


def _upload(path: str, form: bytes, *, host: str = HOST, token: str = "") -> bytes:
    head = request_bytes("POST", path, host=host, token=token).removesuffix(b"\r\n")
    kind = b"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n" % (_BOUNDARY, len(form))
    return head + kind + form


def _in_turn(
    name: str,
    sides: tuple[tuple[Server, bytes], tuple[Server, bytes]],
    count: int,
    *,
    rounds: int,
    tell: Callable[[str], None],
) -> list[Round]:
    measured = []
    for number in range(rounds + 1):
        tell(f"{name}: round {number} of {rounds}" if number else f"{name}: warm-up")
        (ours, ours_cpu), (bare, bare_cpu) = (_transferred(*side, count) for side in sides)
        if number:
            measured.append(Round(ours, bare, ours_cpu, bare_cpu))
    return measured


def _transferred(server: Server, request: bytes, count: int) -> tuple[float, float]:
    """Send a request so often; return the megabytes a second, and the microseconds of processor time for one."""
    used, began = server.cpu_seconds(), time.perf_counter()
    with socket.create_connection((HOST, server.port), timeout=60) as connection:
        for _ in range(count):
            connection.sendall(request)
            _receive(connection)
    seconds, used = time.perf_counter() - began, server.cpu_seconds() - used
    return count * MEGABYTES / seconds, max(used, 1e-6) / (count * MEGABYTES) * 1e6


def _receive(connection: socket.socket) -> None:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            raise UnexpectedAnswer(f"the connection was closed: {received[:1000]!r}")
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if head[9:11] != b"20" or length is None:
        raise UnexpectedAnswer(received[:2000].decode(errors="replace"))
    left, buffer = int(length[1]) - len(body), bytearray(1024 * 1024)
    while left > 0:
        if not (size := connection.recv_into(buffer, min(left, len(buffer)))):
            raise UnexpectedAnswer("the connection was closed")
        left -= size
