"""The document's headers stand on every answer of a running server, whoever in it makes the answer, and once."""

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Server
from tests.plugins.media.conftest import picture

PASSWORD = "Collegium-demo-1!"
FIXED = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
}
POLICY = re.compile(r"default-src 'self'; .*frame-ancestors 'none'.*|sandbox.*|default-src 'none'.*")
"""Of pages and data; what somebody uploaded has an even narrower one."""


@pytest.fixture(scope="module")
def client(demo_server: Server) -> Iterator[httpx.Client]:
    """A client that keeps neither cookies nor credentials."""
    with httpx.Client(base_url=demo_server.url, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def tokens(client: httpx.Client) -> dict[str, dict[str, str]]:
    """The credentials of people of the demonstration."""
    found = {}
    for role in ("student", "instructor"):
        body = {"email": f"{role}@example.com", "password": PASSWORD}
        answer = client.post("/api/v1/auth/login", json=body)
        client.cookies.clear()
        found[role] = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    return found


def check(what: str, headers: httpx.Headers) -> None:
    """Assert that an answer has the headers."""
    assert {name: headers.get_list(name) for name in FIXED} == {name: [value] for name, value in FIXED.items()}, what
    [policy] = headers.get_list("content-security-policy")
    assert POLICY.fullmatch(policy), f"{what}: {policy}"


def test_whatever_is_asked_for(client: httpx.Client, tokens: dict[str, dict[str, str]]) -> None:
    home = client.get("/")
    sheet = str(re.search(r'href="(/static/[^"]+\.css)"', home.text)[1])  # type: ignore[index]
    student, instructor = tokens["student"], tokens["instructor"]
    list_tag = client.get("/api/v1/courses", headers=student).headers["etag"]
    file = client.post("/api/v1/upload/image", headers=instructor, files={"file": ("a.png", picture())}).json()
    large = b'{"email": "' + b"x" * 1_200_000 + b'"}'
    json = {"Content-Type": "application/json"}
    asked: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "GET", "/", {}),
        (405, "HEAD", "/health/ready", {}),
        (404, "GET", "/nowhere", {"headers": {"Accept": "text/html"}}),
        (404, "GET", "/static/0123/none.css", {}),
        (200, "GET", sheet, {}),
        (200, "GET", "/sw.js", {}),
        (200, "GET", "/schema", {}),
        (200, "GET", "/schema/openapi.json", {}),
        (200, "GET", "/health/live", {}),
        (200, "GET", "/health/ready", {}),
        (404, "POST", "/health/live", {}),
        (200, "GET", "/admin/mail", {}),
        (200, "GET", "/api/v1/settings/public", {}),
        (204, "OPTIONS", "/api/v1/settings/public", {}),
        (400, "GET", "/api/v1/settings/public?nothing=1", {}),
        (400, "POST", "/api/v1/auth/login", {"content": b"{", "headers": json}),
        (401, "GET", "/api/v1/users/me", {}),
        (401, "GET", "/api/v1/users/me", {"headers": {"Authorization": "Bearer x"}}),
        (403, "GET", "/api/v1/users", {"headers": student}),
        (403, "POST", "/api/v1/auth/login", {"json": {}, "headers": {"Origin": "https://evil.example"}}),
        (404, "GET", "/api/v1/nowhere", {}),
        (405, "DELETE", "/api/v1/settings/public", {}),
        (413, "POST", "/api/v1/auth/login", {"content": large, "headers": json}),
        (415, "POST", "/api/v1/auth/login", {"content": b"a", "headers": {"Content-Type": "text/plain"}}),
        (200, "GET", "/api/v1/courses", {"headers": student}),
        (304, "GET", "/api/v1/courses", {"headers": {**student, "If-None-Match": list_tag}}),
        (200, "GET", file["url"], {"headers": instructor}),
        (206, "GET", file["url"], {"headers": {**instructor, "Range": "bytes=0-9"}}),
        (416, "GET", file["url"], {"headers": {**instructor, "Range": "bytes=99999999-"}}),
        (403, "GET", file["url"], {"headers": student}),
        (401, "GET", file["url"], {}),
    ]
    found = []
    for status, method, path, options in asked:
        answer = client.request(method, path, **options)
        client.cookies.clear()
        check(f"{status} {method} {path}", answer.headers)
        found.append((answer.status_code, method, path))
    assert found == [(status, method, path) for status, method, path, _ in asked]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nhost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx-long: " + b"x" * 70_000, 431),
    ],
    ids=["nonsense", "version", "head without end"],
)
def test_what_is_no_request(demo_server: Server, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", demo_server.port), 30) as connection:
        connection.sendall(sent)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    first, _, rest = answer.partition(b"\r\n\r\n")[0].partition(b"\r\n")
    assert first.startswith(f"HTTP/1.1 {status} ".encode())
    lines = [line.partition(b": ") for line in rest.split(b"\r\n")]
    check(str(status), httpx.Headers([(name, value) for name, _, value in lines]))
