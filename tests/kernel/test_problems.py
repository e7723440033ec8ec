"""What a caller is told when something is wrong: problem+json that names the field, and never more than it should."""

from typing import Any

import asyncpg
import httpx
import pytest
from litestar.exceptions import InternalServerException

from kernel.errors import Conflict
from kernel.problems import as_domain_error
from kernel.testing import School
from tests.kernel.conftest import sign_in
from tests.kernel.lab.statements import ATTEMPTS, THING_NAMES

JSON = {"Content-Type": "application/json"}


def problem(answer: httpx.Response) -> dict[str, Any]:
    """Return the problem after checking that it is a well-formed one."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    assert list(found) == ["type", "title", "status", "detail", "code", "errors", "request_id"]
    assert found["status"] == answer.status_code
    assert found["type"] == f"urn:collegium:problem:{found['code']}"
    assert found["request_id"] == answer.headers["x-request-id"]
    return found


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "name", "This field is required."),
        ({"name": "x", "tenant_id": "y"}, "tenant_id", "There is no such field."),
        ({"name": 5}, "name", "Expected `str`, got `int`."),
        ({"name": None}, "name", "Expected `str`, got `null`."),
        ({"name": ""}, "name", "Expected `str` of length >= 1."),
        ({"name": "x" * 256}, "name", "Expected `str` of length <= 255."),
        ({"name": "x", "main": {}}, "main.label", "This field is required."),
        ({"name": "x", "main": {"label": "y", "role": "admin"}}, "main.role", "There is no such field."),
        ({"name": "x", "main": {"label": "y", "count": "1"}}, "main.count", "Expected `int`, got `str`."),
        ({"name": "x", "main": {"label": "y", "count": -1}}, "main.count", "Expected `int` >= 0."),
        ({"name": "x", "main": {"label": "y", "count": 2**31}}, "main.count", "Expected `int` <= 2147483647."),
        ({"name": "x", "main": {"label": "y", "count": 2**63}}, "main.count", "Expected `int` <= 2147483647."),
        ({"name": "x", "main": {"label": "y", "count": 10**400}}, "main.count", None),
        ({"name": "x", "main": {"label": "y", "count": 1.5}}, "main.count", "Expected `int`, got `float`."),
        ({"name": "x", "parts": [{"label": "y"}, {}]}, "parts[1].label", "This field is required."),
        ({"name": "x", "parts": [{"label": "y", "x": 1}]}, "parts[0].x", "There is no such field."),
        ({"name": "x", "parts": [{"label": ["y"]}]}, "parts[0].label", "Expected `str`, got `array`."),
        ({"name": "x", "parts": {}}, "parts", "Expected `array`, got `object`."),
        ({"name": "x", "labels": {"a": "b"}}, "labels[...]", "Expected `int`, got `str`."),
        ([], "", "Expected `object`, got `array`."),
        ("text", "", "Expected `object`, got `str`."),
    ],
)
async def test_wrong_field_is_named(client: httpx.AsyncClient, body: Any, field: str, message: str | None) -> None:
    found = problem(await client.post("/lab/echo", json=body))

    assert (found["status"], found["code"]) == (400, "kernel.invalid")
    assert found["title"] == "The request is not valid."
    assert [error["field"] for error in found["errors"]] == [field]
    if message is not None:
        assert found["errors"][0]["message"] == message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{name: 1}",
        b'{"name": "x"} {}',
        b'{"name": NaN}',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a\x00b"}',
        b'\xef\xbb\xbf{"name": "x"}',
        '{"name": "x"}'.encode("utf-16"),
        b'{"name": "\\ud800"}',
        b'{"name": "\\udc00\\ud800"}',
        b"[" * 5_000,
        b"[" * 5_000 + b"]" * 5_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b'{"name": "x", "main":' + b'{"label":' * 5_000 + b"1" + b"}" * 5_001,
    ],
    ids=range(16),
)
async def test_body_that_is_no_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    found = problem(await client.post("/lab/echo", content=body, headers=JSON))

    assert (found["status"], found["code"]) == (400, "kernel.invalid")


@pytest.mark.parametrize("text", ["\\u0000", "a\\u0000b", "\\\\\\u0000"])
async def test_nul_in_a_text_is_refused(client: httpx.AsyncClient, text: str) -> None:
    found = problem(await client.post("/lab/echo", content=f'{{"name": "{text}"}}', headers=JSON))

    assert found["detail"] == "A text must not contain the character NUL."


async def test_text_that_only_looks_like_nul_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post("/lab/echo", content='{"name": "\\\\u0000"}', headers=JSON)

    assert answer.json()["name"] == "\\u0000"


async def test_body_comes_back_as_it_was(client: httpx.AsyncClient) -> None:
    body = {"name": "ü𝄞\u202e", "parts": [{"label": "", "count": 2**31 - 1}], "main": None, "labels": {"": -1}}

    assert (await client.post("/lab/echo", json=body)).json() == body


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "x", ""],
)
async def test_body_of_another_type_is_refused(client: httpx.AsyncClient, content_type: str) -> None:
    found = problem(await client.post("/lab/echo", content='{"name": "x"}', headers={"Content-Type": content_type}))

    assert (found["status"], found["code"]) == (415, "kernel.unsupported_media_type")


async def test_body_without_a_type_is_refused(client: httpx.AsyncClient) -> None:
    found = problem(await client.post("/lab/echo", content=b'{"name": "x"}'))

    assert (found["status"], found["code"]) == (415, "kernel.unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "APPLICATION/JSON"])
async def test_type_may_be_spelt_otherwise(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post("/lab/echo", content='{"name": "x"}', headers={"Content-Type": content_type})

    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, JSON])
async def test_missing_body_is_refused(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    found = problem(await client.post("/lab/echo", headers=headers))

    assert (found["status"], found["errors"]) == (400, [{"field": "", "message": "This needs a JSON body."}])


async def test_body_that_is_too_large_is_refused(client: httpx.AsyncClient) -> None:
    found = problem(await client.post("/lab/echo", content=b" " * 1_000_001, headers=JSON))

    assert (found["status"], found["code"]) == (413, "kernel.too_large")


async def test_body_that_is_too_large_is_refused_without_a_length_too(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(11):
            yield b" " * 100_000

    found = problem(await client.post("/lab/echo", content=chunks(), headers=JSON))

    assert (found["status"], found["code"]) == (413, "kernel.too_large")


# --- addresses and parameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/nowhere", "/lab/things/1", "/lab/things/%00", "/../etc/passwd", "/nowhere//"])
async def test_unknown_address_is_a_problem(client: httpx.AsyncClient, path: str) -> None:
    found = problem(await client.get(path))

    assert (found["status"], found["code"]) == (404, "kernel.route_unknown")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_method_that_an_address_does_not_take_is_a_problem(client: httpx.AsyncClient, method: str) -> None:
    answer = await client.request(method, "/lab/open")

    found = problem(answer)
    assert (found["status"], found["code"]) == (405, "kernel.method_not_allowed")
    assert {each.strip() for each in answer.headers["allow"].split(",")} == {"GET", "OPTIONS"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        (f"limit={2**31}", "limit"),
        (f"limit={2**63}", "limit"),
        (f"limit={'9' * 5_000}", "limit"),
        ("offset=-1", "offset"),
        (f"offset={2**63}", "offset"),
        ("offset=null", "offset"),
    ],
)
async def test_wrong_parameter_is_named(school: School, client: httpx.AsyncClient, query: str, field: str) -> None:
    found = problem(await client.get(f"/lab/things?{query}", headers=(await sign_in(school, "admin")).headers))

    assert (found["status"], found["code"]) == (400, "kernel.invalid")
    assert [error["field"] for error in found["errors"]] == [field]


@pytest.mark.parametrize(("asked", "given"), [("1000", 100), ("2147483647", 100), ("100", 100), ("1", 1)])
async def test_limit_of_a_list_is_capped(school: School, client: httpx.AsyncClient, asked: str, given: int) -> None:
    answer = await client.get(f"/lab/things?limit={asked}", headers=(await sign_in(school, "admin")).headers)

    assert answer.json() == {"items": [], "total": 0, "limit": given, "offset": 0}


async def test_number_that_only_the_database_finds_too_large_is_the_callers_mistake(
    school: School, client: httpx.AsyncClient
) -> None:
    headers = (await sign_in(school, "admin")).headers

    found = problem(await client.post("/lab/things", json={"name": "x", "size": 2**40}, headers=headers))

    assert (found["status"], found["code"]) == (400, "kernel.invalid")
    assert found["detail"] == "A value is outside what can be stored."


# --- faults of ours --------------------------------------------------------------------------------------------------


async def test_unforeseen_exception_is_a_500_that_tells_nothing_outside_and_everything_in_the_log(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/lab/fault")

    found = problem(answer)
    assert (found["status"], found["code"]) == (500, "kernel.internal")
    assert "swordfish" not in answer.text
    assert "SecretSpilt" not in answer.text
    log = capsys.readouterr().out
    assert "SecretSpilt: the password is swordfish" in log
    assert "Traceback" in log


async def test_violated_constraint_is_a_500_that_does_not_quote_the_row(
    school: School, client: httpx.AsyncClient
) -> None:
    headers = (await sign_in(school, "admin")).headers
    answers = [await client.post("/lab/things", json={"name": "same"}, headers=headers) for _ in range(2)]

    assert answers[0].status_code == 201
    assert problem(answers[1])["code"] == "kernel.internal"
    assert "same" not in answers[1].text


async def test_commit_that_fails_is_a_500_and_leaves_nothing(school: School, client: httpx.AsyncClient) -> None:
    headers = (await sign_in(school, "admin")).headers

    found = problem(await client.post("/lab/things", json={"name": "cursed"}, headers=headers))

    assert (found["status"], found["code"]) == (500, "kernel.internal")
    async with school.db() as db:
        assert await db.values(THING_NAMES) == []


async def test_connection_that_breaks_inside_a_request_is_a_503_and_the_next_request_goes_on(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/lab/severed")

    found = problem(answer)
    assert (found["status"], found["code"]) == (503, "kernel.database_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert (await client.get("/lab/open")).status_code == 200


async def test_refusal_rolls_back_and_leaves_what_must_be_recorded(school: School, client: httpx.AsyncClient) -> None:
    found = problem(await client.post("/lab/refusals", json={"name": "tried"}))

    assert (found["status"], found["code"], found["title"]) == (409, "lab.refused", "The lab refuses.")
    async with school.db() as db:
        assert await db.values(THING_NAMES) == []
        assert await db.values(ATTEMPTS) == ["tried"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.DeadlockDetectedError("x"), "kernel.contended"),
        (asyncpg.SerializationError("x"), "kernel.contended"),
        (asyncpg.LockNotAvailableError("x"), "kernel.contended"),
        (asyncpg.QueryCanceledError("statement timeout"), "kernel.database_unavailable"),
        (asyncpg.AdminShutdownError("x"), "kernel.database_unavailable"),
        (asyncpg.ForeignKeyViolationError("x"), "kernel.reference_gone"),
        (ExceptionGroup("x", [Conflict()]), "kernel.conflict"),
        (asyncpg.NumericValueOutOfRangeError("x"), "kernel.invalid"),
        (asyncpg.CharacterNotInRepertoireError("x"), "kernel.invalid"),
        (UnicodeEncodeError("utf-8", "x", 0, 1, "surrogates"), "kernel.invalid"),
        (RecursionError(), "kernel.invalid"),
    ],
)
def test_error_of_the_database_is_told_as_what_it_means(error: Exception, code: str) -> None:
    found = as_domain_error(error)

    assert found is not None
    assert found.code == code
    assert ("Retry-After" in found.headers) == (found.status == 503)


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        asyncpg.UniqueViolationError("x"),
        asyncpg.InsufficientPrivilegeError("x"),
        asyncpg.UndefinedTableError("x"),
        InternalServerException("x"),
        OSError("x"),
        ExceptionGroup("x", [Conflict(), OSError("x")]),
    ],
)
def test_fault_of_ours_is_nobody_elses(error: Exception) -> None:
    assert as_domain_error(error) is None
