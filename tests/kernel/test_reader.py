"""The description of the API: complete, from this host alone, and only what acts for the tenant."""

import re
from argparse import Namespace
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from kernel import operations
from kernel.own_routes import OWN_ROUTES
from kernel.reader import visible
from kernel.testing import School
from tests.kernel.conftest import Process
from tests.kernel.lab import plugin as lab_plugin

ATTRIBUTES_THAT_FETCH = {"src", "href", "action", "data", "poster", "srcset", "formaction", "background", "cite"}


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.operations: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ATTRIBUTES_THAT_FETCH]
        if tag == "details":
            self.operations.append(str(dict(attrs)["id"]))


async def document(client: httpx.AsyncClient, school: School) -> dict[str, Any]:
    """Return the OpenAPI document."""
    answer = await client.get(f"http://{school.host}/schema/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    found: dict[str, Any] = answer.json()
    return found


async def page(client: httpx.AsyncClient, school: School) -> str:
    """Return the page."""
    answer = await client.get(f"http://{school.host}/schema")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.text


def operations_of(found: dict[str, Any]) -> set[str]:
    """Return the operation ids of a document."""
    return {operation["operationId"] for path in found["paths"].values() for operation in path.values()}


async def test_document_describes_every_operation(school: School, client: httpx.AsyncClient) -> None:
    found = await document(client, school)

    assert found["info"] == {"title": "Collegium", "version": "1.0.0"}
    assert operations_of(found) == {
        "annex_open",
        "health_ready",
        *(handler.operation_id for handler in (*OWN_ROUTES, *lab_plugin.register_routes())),
    }
    listing = found["paths"]["/api/v1/lab/things"]["get"]
    assert {each["name"]: each["in"] for each in listing["parameters"]} == {"limit": "query", "offset": "query"}
    assert listing["tags"] == ["lab"]
    body = found["paths"]["/api/v1/lab/echo"]["post"]["requestBody"]
    assert list(body["content"]) == ["application/json"]


async def test_page_fetches_nothing_from_another_host_and_runs_nothing(
    school: School, client: httpx.AsyncClient
) -> None:
    text = await page(client, school)
    found = Page(text)

    assert sorted(set(found.addresses)) == ["/schema/openapi.json", "/schema/reader.css"]
    assert not found.tags & {"script", "iframe", "object", "embed", "img", "base", "form", "style"}
    assert re.findall(r"https?:|//\w|url\(|@import", text) == []
    style = await client.get(f"http://{school.host}/schema/reader.css")
    assert (style.status_code, style.headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert re.findall(r"https?:|//\w|url\(|@import", style.text) == []


async def test_page_shows_what_the_document_has(school: School, client: httpx.AsyncClient) -> None:
    found = Page(await page(client, school))

    assert set(found.operations) == operations_of(await document(client, school))
    assert len(found.operations) == len(set(found.operations))


async def test_page_escapes_what_people_wrote(school: School, client: httpx.AsyncClient) -> None:
    text = await page(client, school)

    assert "List the things, &lt;b&gt;all&lt;/b&gt; of them." in text
    assert "<b>all" not in text


async def test_operations_of_a_switched_off_plugin_are_gone_from_both(
    lab: Process, school: School, client: httpx.AsyncClient
) -> None:
    before = operations_of(await document(client, school))
    options = Namespace(slug=school.tenant.slug, enable=[], disable=["annex"], dry_run=False)
    await operations.tenant_plugins(lab.deployment, options)

    after = operations_of(await document(client, school))

    assert before - after == {"annex_open"}
    assert set(Page(await page(client, school)).operations) == after
    assert "annex" not in await page(client, school)


async def test_schemas_of_a_switched_off_plugin_are_gone_too(
    lab: Process, school: School, client: httpx.AsyncClient
) -> None:
    before = await document(client, school)
    options = Namespace(slug=school.tenant.slug, enable=[], disable=["lab"], dry_run=False)
    await operations.tenant_plugins(lab.deployment, options)

    after = await document(client, school)

    assert "Whereabouts" in str(before["components"])
    assert operations_of(after) == {"health_ready", *(handler.operation_id for handler in OWN_ROUTES)}
    assert "Whereabouts" not in str(after)


async def test_old_renderers_and_other_addresses_are_not_there(school: School, client: httpx.AsyncClient) -> None:
    for name in ("swagger", "redoc", "elements", "rapidoc", "scalar", "oauth2-redirect.html", "openapi.yaml"):
        assert (await client.get(f"http://{school.host}/schema/{name}")).status_code == 404


@pytest.mark.parametrize("path", ["/schema", "/schema/openapi.json"])
async def test_stale_cookie_does_not_shut_the_description(school: School, client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"http://{school.host}{path}", headers={"Cookie": "collegium_access=stale"})

    assert answer.status_code == 200


async def test_visible_keeps_the_schemas_that_others_lead_to(school: School) -> None:
    reference = "#/components/schemas/{}".format
    found: dict[str, Any] = {
        "paths": {
            "/a": {"get": {"tags": ["annex"], "x": {"$ref": reference("A")}}},
            "/b": {"get": {"tags": ["absent"], "x": {"$ref": reference("B")}}, "post": {"operationId": "p"}},
        },
        "components": {"schemas": {"A": {"items": {"$ref": reference("C")}}, "B": {}, "C": {"$ref": reference("A")}}},
    }

    assert visible(found, school.tenant) == {
        "paths": {"/a": found["paths"]["/a"], "/b": {"post": {"operationId": "p"}}},
        "components": {"schemas": {"A": {"items": {"$ref": reference("C")}}, "C": {"$ref": reference("A")}}},
    }
