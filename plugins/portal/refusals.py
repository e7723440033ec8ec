"""Refusals as pages: what happened, what to do, the id by which it is found in the log.

Whoever is not signed in, or not any more, is led to the sign-in and from there back to where they wanted to go.
"""

from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from kernel.categories import GENERAL, GeneralSettings
from kernel.door import Arrival, access_cookie_name
from kernel.problem_pages import Problem
from kernel.tenancy import Tenant
from plugins.portal.drawing import PLUGIN
from plugins.portal.languages import SOURCE, preferred
from plugins.portal.shell import LANGUAGE_COOKIE, THEME_COOKIE, Shell, outside, theme_url
from plugins.portal.site import site_of

SIGN_IN = "/sign-in"
SET_UP_SECOND_FACTOR = "/profile/security"
_UNAUTHENTICATED = 401
_OF_ROUTES = ("kernel.route_unknown", "kernel.method_not_allowed")
_LONGEST_HOST = 260


def problem_page(request: Request[Any, Any, Any], problem: Problem) -> Response[Any] | None:
    """Return a refusal as a page; None where the tenant has no portal."""
    tenant = _tenant(request)
    if tenant is not None and PLUGIN not in tenant.plugins:
        return None
    if problem.status == _UNAUTHENTICATED and not request.scope["path"].startswith(SIGN_IN):
        return _to_sign_in(request)
    if problem.code == "kernel.session_restricted":
        return Redirect(SET_UP_SECOND_FACTOR)
    shell = _shell(request, tenant)
    # Where no route is, nobody has asked whose host it is: what is said of the path is true everywhere.
    is_known = tenant is not None or problem.code in _OF_ROUTES
    name = "portal/problem.html" if is_known else "portal/no_school.html"
    template = site_of(request.app.state.deployment).environment(shell.locale).get_template(name)
    page = template.render({"shell": shell, "problem": problem, "slots": {}, "host": _host(request)})
    return Response(page, status_code=problem.status, media_type="text/html")


def _to_sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    wanted = f"{path}?{query}" if query else path
    arrival = Arrival(request.scope, request.app.state.deployment)
    # Else the dead credential would close the public pages as well.
    name = access_cookie_name(secure=arrival.is_secure)
    dead = Cookie(name, value="", max_age=0, path="/", secure=arrival.is_secure, httponly=True, samesite="lax")
    return Redirect(f"{SIGN_IN}?next={quote(wanted, safe='/')}", cookies=[dead], headers={"Cache-Control": "no-store"})


def _tenant(request: Request[Any, Any, Any]) -> Tenant | None:
    tenant: Tenant | None = request.scope["state"].get("tenant")
    if tenant is not None:
        return tenant
    deployment = request.app.state.deployment
    arrival = Arrival(request.scope, deployment)
    remembered: Tenant | None = deployment.tenants.remembered(arrival.hostname, arrival.slug)
    return remembered


def _host(request: Request[Any, Any, Any]) -> str:
    return request.headers.get("host", "")[:_LONGEST_HOST]


def _shell(request: Request[Any, Any, Any], tenant: Tenant | None) -> Shell:
    site = site_of(request.app.state.deployment)
    general = tenant.setting(GENERAL, GeneralSettings) if tenant is not None else GeneralSettings()
    spoken = site.languages.spoken(general.locales)
    asked = request.query_params.get("lang") or request.cookies.get(LANGUAGE_COOKIE)
    liked = preferred(request.headers.get("accept-language", ""), spoken)
    locale = next((str(each) for each in (asked, liked, general.locale) if each in spoken), SOURCE)
    return Shell(
        **outside(request, locale, spoken, request.cookies.get(THEME_COOKIE, "")),
        school=(general.name or tenant.name) if tenant is not None else "Collegium",
        logo_url=general.logo_url,
        support_email=general.support_email,
        theme_url=theme_url(tenant) if tenant is not None else "/theme.css",
        timezone=general.timezone,
        person=None,
        is_staff=False,
        may_refresh=False,
        navigation={},
        plugins=tenant.plugins if tenant is not None else frozenset(),
    )
