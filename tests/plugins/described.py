"""The operations of the API's description, and requests made for them: by schemathesis, or spoilt on purpose."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_STATELESS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


AnyCase = Case[Any]


def cases_of(document: Mapping[str, Any], *, examples: int) -> Iterator[list[AnyCase]]:
    """Yield for each operation so many requests, the same in every run."""
    schema = schemathesis.openapi.from_dict(dict(document))
    for result in schema.get_all_operations():
        if isinstance(result, Err):
            raise result.err()
        yield _drawn(result.ok().as_strategy(), examples)


def _drawn(strategy: SearchStrategy[AnyCase], examples: int) -> list[AnyCase]:
    made: list[AnyCase] = []

    @settings(_STATELESS, max_examples=examples)
    @given(case=strategy)
    def collect(case: AnyCase) -> None:
        made.append(case)

    collect()
    return made


async def send(case: AnyCase, client: httpx.AsyncClient, ids: Mapping[str, str]) -> httpx.Response:
    """Send a request; where an id of its path is known, that one."""
    case.path_parameters = {name: ids.get(name, value) for name, value in (case.path_parameters or {}).items()}
    prepared = requests.Request(**case.as_transport_kwargs(base_url="http://host")).prepare()
    headers = {
        name: value.encode("latin-1", "replace") if isinstance(value, str) else value
        for name, value in prepared.headers.items()
        if name.lower() not in ("content-length", "cookie", "host", "user-agent")
    }
    path = str(prepared.url).removeprefix("http://host")
    return await client.request(
        str(prepared.method),
        f"{_origin(client)}{path}",
        headers=_bytes(headers),
        content=prepared.body,  # type: ignore[arg-type]
    )


def _bytes(headers: Mapping[str, bytes]) -> dict[bytes, bytes]:
    return {name.encode(): value for name, value in headers.items()}


def _origin(client: httpx.AsyncClient) -> str:
    return f"{client.base_url.scheme}://{client.base_url.host}"


def check(case: AnyCase, answer: httpx.Response) -> str:
    """Return what is wrong with an answer; an empty text if it is as described."""
    try:
        case.validate_response(answer, checks=CHECKS)
    except FailureGroup as failures:
        said = "; ".join(" ".join(str(each).split()) for each in failures.exceptions)
        return f"{case.operation.label}: {answer.status_code} {said} {answer.text[:300]}"
    return ""


DEEP = b'{"a":' * 5000 + b"1" + b"}" * 5000
RAW_BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "text": b'"a"',
    "half": b'{"a": ',
    "NUL": b"\x00",
    "escaped NUL as name": b'{"\\u0000": 1}',
    "bad UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "deep": DEEP,
    "deep list": b"[" * 5000 + b"]" * 5000,
    "not a number": b'{"a": NaN}',
    "ten megabytes": b'{"a": "' + b"x" * 10_000_000 + b'"}',
}
VALUES: Mapping[str, bytes] = {
    "NUL": b'"a\\u0000b"',
    "lone surrogate": b'"\\ud800"',
    "beyond int8": str(2**63).encode(),
    "far below": str(-(2**63)).encode(),
    "minus one": b"-1",
    "beyond float": b"1e999",
    "huge number": b"9" * 400,
    "null": b"null",
    "true": b"true",
    "empty": b'""',
    "space": b'" "',
    "long": json.dumps("x" * 100_000).encode(),
    "wide": ("[" + ",".join(["1"] * 100_000) + "]").encode(),
    "deep": DEEP,
    "object": b'{"a": {"b": []}}',
    "formula": b'"=1+1"',
    "right to left": b'"\\u202e"',
}
VALUES_IN_ADDRESSES = (
    "%00",
    "%ff",
    "-1",
    str(2**63),
    "9" * 400,
    "null",
    "%27%3B--",
    "[]",
    "",
    "x" * 5000,
    "%F0%9F%92%A9",
    "0001-01-01T00:00:00%2B14:00",
)


def bodies_of(operation: Mapping[str, Any], document: Mapping[str, Any], good: Any) -> Iterator[tuple[str, bytes]]:
    """Yield bad bodies for an operation: raw ones, then a good one with each field spoilt in turn, or doubled.

    Args:
        operation: As described.
        document: Where its schemas are.
        good: A body that fits.
    """
    yield from RAW_BODIES.items()
    if not isinstance(good, dict):
        return
    content = operation["requestBody"]["content"].get("application/json", {})
    fields = _resolved(content.get("schema", {}), document).get("properties", {})
    for field in fields:
        others = {name: value for name, value in good.items() if name != field}
        head = json.dumps(others).encode()[:-1] + (b", " if others else b"") + json.dumps(field).encode() + b": "
        for name, value in VALUES.items():
            yield f"{field} {name}", head + value + b"}"
        yield f"{field} twice", head + b"1, " + json.dumps(field).encode() + b": 2}"


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = document
    for part in schema["$ref"].removeprefix("#/").split("/") if "$ref" in schema else ():
        found = found[part]
    return found if "$ref" in schema else schema


def bad_requests(
    address: str, operation: Mapping[str, Any], document: Mapping[str, Any], ids: Mapping[str, str], good: Any
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what nobody should send to an operation: what it is, and how httpx sends it."""
    url = path_of(address, ids)
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        headers = {"Content-Type": "application/json"}
        for what, body in bodies_of(operation, document, good):
            yield what, {"url": url, "content": body, "headers": headers}
        yield "text", {"url": url, "content": b"{}", "headers": {"Content-Type": "text/plain"}}
    for parameter in operation.get("parameters", ()):
        name = parameter["name"]
        for value in VALUES_IN_ADDRESSES:
            if parameter["in"] == "query":
                yield f"{name}={value[:20]}", {"url": f"{url}?{name}={value}"}
            elif parameter["in"] == "path" and value:
                yield f"{name}={value[:20]}", {"url": path_of(address, {**ids, name: value})}


def path_of(path: str, ids: Mapping[str, str]) -> str:
    """Return a path with known ids in their places."""
    return re.sub(r"\{(\w+)\}", lambda match: ids.get(match.group(1), "x"), path)
