"""What pages load beside their HTML: files, the tenant's colours, the manifest and the worker of the installed app."""

from pathlib import Path
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from kernel.auth import public
from kernel.categories import GENERAL, GeneralSettings
from kernel.deployment import Deployment
from kernel.errors import NotFound
from kernel.routing import limited
from kernel.tenancy import Tenant
from plugins.portal.colours import from_hex, shown, theme
from plugins.portal.shell import theme_version
from plugins.portal.site import site_of

_FOREVER = "public, max-age=31536000, immutable"
_BRIEFLY = "public, max-age=60"
_OPEN = {**limited("asset"), "credential_ignored": True}
_OPEN_ANYWHERE = {**_OPEN, "any_host": True}
"""Also where no school is at home: the page that says so is drawn with these, and they belong to no school."""
_WORKER = Path(__file__).parent / "static" / "sw.js"


@get(
    "/static/{digest:str}/{name:path}",
    guards=[public],
    opt=_OPEN_ANYWHERE,
    operation_id="portal_file",
    include_in_schema=False,
)
async def file(request: Request[Any, Any, Any], digest: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Return a file of a plugin; under another digest than today's too, for pages that are still open."""
    assets = site_of(_deployment(request)).assets
    found = assets.files.get(str(name).lstrip("/"))
    if found is None:
        raise NotFound
    headers = {"Cache-Control": _FOREVER if digest == assets.digest else _BRIEFLY, "Vary": "Accept-Encoding"}
    body = found.body
    if found.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = found.packed, "gzip"
    return Response(body, media_type=found.media_type, headers=headers)


@get("/theme.css", guards=[public], opt=_OPEN, operation_id="portal_theme", include_in_schema=False)
async def theme_css(request: Request[Any, Any, Any], v: str = "") -> Response[str]:
    """Return the tenant's colours."""
    tenant = _tenant(request)
    general, usual = tenant.setting(GENERAL, GeneralSettings), GeneralSettings()
    colours = (general.primary_colour, general.accent_colour)
    style = "" if colours == (usual.primary_colour, usual.accent_colour) else theme(*colours)
    cached = _FOREVER if v == theme_version(tenant) else _BRIEFLY
    return Response(style, media_type="text/css", headers={"Cache-Control": cached})


@get("/manifest.webmanifest", guards=[public], opt=_OPEN, operation_id="portal_manifest", include_in_schema=False)
async def manifest(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return how the school is installed as an app."""
    tenant = _tenant(request)
    general = tenant.setting(GENERAL, GeneralSettings)
    _, chroma, hue = from_hex(general.primary_colour)
    name = general.name or tenant.name
    icon = site_of(_deployment(request)).assets.address("portal/app.svg")
    found = {
        "name": name,
        "short_name": name[:12],
        "start_url": "/dashboard",
        "scope": "/",
        "display": "standalone",
        "background_color": "#fbfaf7",
        "theme_color": shown(0.46, chroma, hue).hex(),
        "icons": [{"src": icon, "sizes": "any", "type": "image/svg+xml", "purpose": "any maskable"}],
    }
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(msgspec.json.encode(found), media_type="application/manifest+json", headers=headers)


@get("/sw.js", guards=[public], opt=_OPEN, operation_id="portal_worker", include_in_schema=False)
async def worker(v: str = "") -> Response[bytes]:  # noqa: ARG001 - it asks the browser to look again
    """Return the worker that keeps files and the offline page, and no page of a person."""
    return Response(_WORKER.read_bytes(), media_type="text/javascript", headers={"Cache-Control": "no-cache"})


def _deployment(request: Request[Any, Any, Any]) -> Deployment:
    return request.app.state.deployment  # type: ignore[no-any-return]


def _tenant(request: Request[Any, Any, Any]) -> Tenant:
    return request.scope["state"]["tenant"]  # type: ignore[no-any-return]


ROUTES: tuple[HTTPRouteHandler, ...] = (file, theme_css, manifest, worker)
