"""The API's description: OpenAPI as JSON at `/schema/openapi.json` and as a page at `/schema`, from this host alone.

Both show only the operations of the plugins that act for the tenant.
"""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.plugins import OpenAPIRenderPlugin

from kernel.auth import public
from kernel.tenancy import Tenant

_METHODS = ("get", "post", "put", "patch", "delete")
_STYLE = Path(__file__).parent / "reader.css"


class JsonDocument(OpenAPIRenderPlugin):
    """`/schema/openapi.json`."""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type="application/json")  # type: ignore[arg-type]

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document as JSON."""
        return msgspec.json.encode(visible(openapi_schema, request.scope["state"]["tenant"]))


class ReaderPage(OpenAPIRenderPlugin):
    """`/schema`: the same, to read; no script, no foreign host."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document as a page."""
        document = visible(openapi_schema, request.scope["state"]["tenant"])
        return "".join(_page(document)).encode()


def reader_routes() -> list[HTTPRouteHandler]:
    """Return the handler of the page's style sheet."""
    style = _STYLE.read_bytes()

    @get("/schema/reader.css", guards=[public], opt={"door": "none"}, include_in_schema=False, sync_to_thread=False)
    def reader_style() -> Response[bytes]:
        return Response(style, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})

    return [reader_style]


def visible(document: Mapping[str, Any], tenant: Tenant) -> dict[str, Any]:
    """Return the document without the operations of plugins that do not act for the tenant."""
    paths: dict[str, Any] = {}
    for path, operations in document["paths"].items():
        acting = {
            method: operation
            for method, operation in operations.items()
            if not operation.get("tags") or set(operation["tags"]) & tenant.plugins
        }
        if acting:
            paths[path] = acting
    shown = {**document, "paths": paths}
    if schemas := document.get("components", {}).get("schemas"):
        needed = _needed(paths, schemas)
        kept = {name: schema for name, schema in schemas.items() if name in needed}
        shown["components"] = {**document["components"], "schemas": kept}
    return shown


def _needed(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    """Return the names of the schemas to which the operations lead, directly or through others."""
    found: set[str] = set()
    waiting: list[Any] = [paths]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting += each.values()
            name = str(each.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
        elif isinstance(each, list):
            waiting += each
    return found


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    yield f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<link rel="stylesheet" href="/schema/reader.css"></head><body><header><h1>{title}</h1>'
    yield '<p>The same as a document: <a href="/schema/openapi.json">openapi.json</a>.</p></header><main>'
    shown = ""
    for path, method, operation in sorted(_operations(document), key=lambda each: (_group(each[2]), each[0])):
        if (group := _group(operation)) != shown:
            shown = group
            yield f"<h2>{escape(group)}</h2>"
        yield from _operation(path, method, operation, document)
    yield "</main></body></html>"


def _group(operation: Mapping[str, Any]) -> str:
    return ", ".join(operation.get("tags") or ["kernel"])


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                yield path, method, operations[method]


def _operation(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    summary = escape(str(operation.get("description") or operation.get("summary") or ""))
    yield f'<details id="{escape(str(operation.get("operationId")))}">'
    yield f'<summary><b class="{method}">{method.upper()}</b> '
    yield f"<code>{escape(path)}</code> <span>{summary}</span></summary>"
    if parameters := operation.get("parameters"):
        yield "<h3>Parameters</h3><table><thead><tr><th>Name<th>In<th>Type<th>Meaning</tr></thead><tbody>"
        for each in parameters:
            cells = (each["name"], each["in"], _type(each.get("schema", {})), each.get("description", ""))
            yield "<tr>" + "".join(f"<td>{escape(str(cell))}" for cell in cells) + "</tr>"
        yield "</tbody></table>"
    if body := operation.get("requestBody"):
        yield "<h3>Body</h3>"
        for media, content in body["content"].items():
            yield from _schema(media, content.get("schema", {}), document)
    yield "<h3>Answers</h3>"
    for status, answer in operation.get("responses", {}).items():
        yield f"<p><b>{escape(str(status))}</b> {escape(str(answer.get('description', '')))}</p>"
        for media, content in answer.get("content", {}).items():
            yield from _schema(media, content.get("schema", {}), document)
    yield "</details>"


def _schema(media: str, schema: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    yield f"<p><code>{escape(media)}</code>: {escape(_type(schema))}</p>"
    resolved = _resolve(schema, document)
    if properties := resolved.get("properties"):
        required = set(resolved.get("required", ()))
        yield "<table><thead><tr><th>Field<th>Type<th>Required</tr></thead><tbody>"
        for name, each in properties.items():
            cells = (name, _type(each), "yes" if name in required else "")
            yield "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells) + "</tr>"
        yield "</tbody></table>"


def _resolve(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = document
    for part in reference.removeprefix("#/").split("/") if reference else ():
        found = found.get(part, {})
    return found if reference else schema


def _type(schema: Mapping[str, Any]) -> str:
    if reference := schema.get("$ref"):
        return str(reference).rsplit("/", 1)[-1]
    if "oneOf" in schema:
        return " or ".join(_type(each) for each in schema["oneOf"])
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    kind = str(schema.get("type", "any"))
    return f"{kind} ({schema['format']})" if "format" in schema else kind
