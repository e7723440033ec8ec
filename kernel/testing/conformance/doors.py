"""What is seen of a plugin over HTTP, in every server process: routes, their description, settings, sessions."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
from litestar.handlers import HTTPRouteHandler

from kernel.boot_checks import API
from kernel.door import PluginNotEnabled
from kernel.testing.conformance.views import Seen, Thing, View

_ID = "00000000-0000-0000-0000-000000000000"
_PARAMETER = re.compile(r"\{[^:}]*(?::([^}]*))?\}")
_SAMPLES = {"uuid": _ID, "int": "1", "float": "1.0", "date": "2026-01-01", "datetime": "2026-01-01T00:00:00Z"}


def _routes(view: View) -> Iterator[tuple[str, HTTPRouteHandler, str]]:
    """Yield each route with its plugin and its address, parameters filled in."""
    registry = view.deployment.registry
    for prefix, groups in ((API, registry.routes), ("", registry.root_routes)):
        for plugin in sorted(view.plugins & groups.keys()):
            for handler in groups[plugin]:
                for path in handler.paths:
                    yield plugin, handler, prefix + _PARAMETER.sub(lambda each: _SAMPLES.get(each[1], "x"), path)


async def look_at_routes(view: View) -> Seen:
    """Ask every route by each of its methods: as nobody, who changes nothing; signed in too if it should be gone."""
    seen: Seen = {}
    for plugin, handler, address in _routes(view):
        is_off = plugin not in view.tenant.plugins
        for method in sorted(handler.http_methods):
            answers = [await view.ask(method, address, {})]
            if is_off:
                answers.append(await view.ask(method, address, view.credential))
            for number in range(len(view.servers)):
                gone = [_is_not_enabled(answer[number]) for answer in answers]
                seen[Thing("route", f"{method} {address} (process {number})", plugin)] = not all(gone)
    return seen


def _is_not_enabled(answer: httpx.Response) -> bool:
    if answer.status_code != HTTPStatus.NOT_FOUND:
        return False
    # An answer to HEAD has no body.
    return answer.request.method == "HEAD" or _json(answer).get("code") == PluginNotEnabled.code


async def look_at_operations(view: View) -> Seen:
    """Read the API's description."""
    shown = [_operations(_json(answer)) for answer in await view.ask("GET", "/schema/openapi.json", {})]
    return {
        Thing("operation", f"{handler.operation_id} (process {number})", plugin): handler.operation_id in ids
        for plugin, handler, _ in _routes(view)
        if handler.include_in_schema is not False
        for number, ids in enumerate(shown)
    }


def _operations(document: dict[str, Any]) -> set[str]:
    return {operation["operationId"] for path in document["paths"].values() for operation in path.values()}


async def look_at_capabilities(view: View) -> Seen:
    """Read what the API says of itself: which plugins act, and what somebody may."""
    registry = view.deployment.registry
    seen: Seen = {}
    for number, answer in enumerate(await view.ask("GET", API, {})):
        acting = _json(answer).get("plugins", ())
        seen.update({Thing("plugin", f"(process {number})", each): each in acting for each in view.plugins})
    granted = {
        each.name: plugin
        for each in registry.permissions
        if "admin" in each.roles and (plugin := each.name.partition(".")[0]) in view.plugins and view.credential
    }
    for number, answer in enumerate(await view.ask("GET", API, view.credential)):
        held = _json(answer).get("capabilities", ())
        for name, plugin in granted.items():
            seen[Thing("capability", f"{name} (process {number})", plugin, (registry.identity_plugin,))] = name in held
    return seen


async def look_at_settings(view: View) -> Seen:
    """Read the categories of settings, where a plugin has a page for them."""
    registry = view.deployment.registry
    shown_by = [plugin for plugin, group in registry.routes.items() if any("/settings" in each.paths for each in group)]
    if not shown_by:
        return {}
    answers = [_json(answer) for answer in await view.ask("GET", f"{API}/settings", view.credential)]
    return {
        Thing("settings", f"{spec.category} (process {number})", plugin, (*shown_by,)): spec.category in shown
        for spec in registry.settings
        if (plugin := spec.category.partition(".")[0]) in view.plugins
        for number, shown in enumerate(answers)
    }


async def look_at_identity(view: View) -> Seen:
    """Use an access token at the kernel's own route for signed-in people."""
    keeper = view.deployment.registry.identity_plugin
    if not keeper:
        return {}
    answers = await view.ask("GET", f"{API}/tasks/{_ID}", view.credential)
    return {
        Thing("session", f"(process {number})", keeper): answer.status_code != HTTPStatus.UNAUTHORIZED
        for number, answer in enumerate(answers)
    }


def _json(answer: httpx.Response) -> dict[str, Any]:
    found = answer.json()
    return found if isinstance(found, dict) else {}
