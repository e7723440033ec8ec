"""What stands on every answer and in every line of the log."""

import json
import subprocess
import sys

import httpx
import pytest
import structlog
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from kernel.testing import School
from tests.kernel.conftest import Process, sign_in

log = structlog.get_logger(__name__)
SECURITY_HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-xss-protection": "1; mode=block",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "frame-src https://www.youtube-nocookie.com"
    ),
}
ANSWERS = {
    "200": ("GET", "/lab/open", 200),
    "400": ("GET", "/lab/open?x=1", 400),
    "401": ("GET", "/lab/me", 401),
    "404": ("GET", "/nowhere", 404),
    "405": ("DELETE", "/lab/open", 405),
    "415": ("POST", "/lab/echo", 415),
    "500": ("GET", "/lab/fault", 500),
    "live": ("GET", "/../../health/live", 200),
    "options": ("OPTIONS", "/lab/open", 204),
}
# Writes one answered request to the log and one line that is not ASCII, as a server would.
PROGRAM = """
import asyncio, logging, sys
from uuid import UUID
import structlog
from kernel.observability import Observed, configure_logging
from kernel.settings import Settings

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})

async def receive(): return {"type": "http.request"}
async def send(message): pass

configure_logging(Settings(log_format=sys.argv[1]))
scope = {"type": "http", "method": "GET", "path": "/a", "query_string": b"token=secret", "headers": []}
asyncio.run(Observed(app)(scope, receive, send))
log = structlog.get_logger("test")
try:
    raise ValueError("ü")
except ValueError:
    log.exception("failed", tenant=UUID(int=1))
log.debug("quiet")
logging.getLogger("library").info("quiet")
logging.getLogger("library").warning("of %s", "a library")
"""


def logged(log_format: str) -> list[str]:
    """Return the lines that a process with this format writes to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS.values(), ids=ANSWERS)
async def test_every_answer_carries_the_security_headers_once(
    school: School, client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    address = f"http://{school.host}/health/live" if "live" in path else path

    answer = await client.request(method, address, content=b"x" if method == "POST" else None)

    assert answer.status_code == status
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers.get_list(name) == [value]
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert len(answer.headers.get_list("cache-control")) == 1
    assert "server" not in answer.headers


async def test_private_answer_may_not_be_stored(school: School, client: httpx.AsyncClient) -> None:
    answer = await client.get("/lab/me", headers=(await sign_in(school, "student")).headers)

    assert answer.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("given", ["abcd1234", "A-b-C-d-", "0" * 64])
async def test_request_id_of_the_client_is_echoed(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/lab/open", headers={"X-Request-Id": given})

    assert answer.headers["x-request-id"] == given
    assert answer.json()["request_id"] == given


@pytest.mark.parametrize(
    "given", ["short", "x" * 65, "with space", "semi;colon", "a\ttab stop", "quote'quote", "ü" * 9]
)
async def test_request_id_of_another_form_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/lab/open", headers={b"X-Request-Id": given.encode()})

    assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


async def test_access_log_names_tenant_and_user_and_no_query(
    school: School, client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    user = await sign_in(school, "admin")
    capsys.readouterr()

    await client.get("/lab/things?limit=7", headers={**user.headers, "X-Request-Id": "request-1234"})

    line = capsys.readouterr().out.strip()
    assert line.count("\n") == 0
    assert "limit" not in line
    for part in (
        "method=GET",
        "path=/api/v1/lab/things ",
        "status=200",
        f"tenant={school.tenant.slug}",
        f"user={user.user_id}",
        "request_id=request-1234",
    ):
        assert part in line


async def test_access_log_has_a_line_for_a_refusal_too(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/nowhere?code=secret")

    line = capsys.readouterr().out.strip()
    assert "status=404" in line
    assert "secret" not in line


async def test_liveness_leaves_no_line(lab: Process, school: School, capsys: pytest.CaptureFixture[str]) -> None:
    client = await lab.client(school)
    capsys.readouterr()

    answer = await client.get(f"http://{school.host}/health/live")

    assert answer.json() == {"status": "ok"}
    assert capsys.readouterr().out == ""


def test_log_of_production_is_one_json_object_a_line() -> None:
    request, failure, foreign = (json.loads(line) for line in logged("json"))

    assert {name: request[name] for name in request if name not in ("ms", "timestamp", "request_id")} == {
        "event": "request",
        "level": "info",
        "method": "GET",
        "path": "/a",
        "status": 204,
        "tenant": None,
        "user": None,
    }
    assert request["timestamp"].endswith("Z")
    assert (failure["event"], failure["level"]) == ("failed", "error")
    assert failure["tenant"] == "00000000-0000-0000-0000-000000000001"
    assert failure["exception"].endswith("ValueError: ü")
    assert (foreign["event"], foreign["level"]) == ("of a library", "warning")


def test_log_for_people_is_text_and_keeps_its_level() -> None:
    lines = logged("console")

    assert "request" in lines[0]
    assert "failed" in lines[1]
    assert lines[-2] == "ValueError: ü"
    assert lines[-1].endswith("of a library")
    assert "secret" not in lines[0]


async def test_every_line_that_a_request_logs_carries_its_id(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        answer = await client.get("/lab/fault", headers={"X-Request-Id": "request-of-a-test"})
        log.warning("afterwards")

    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "request-of-a-test"
    assert [(line["event"], line.get("request_id")) for line in lines] == [
        ("request.failed", "request-of-a-test"),
        ("request", "request-of-a-test"),
        ("afterwards", None),
    ]
