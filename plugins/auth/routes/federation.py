"""Signing in by a provider: the list of providers, the way there, the way back.

A browser is redirected, also when it is refused: to the sign-in page, with the refusal's code. A client that asked for
JSON gets the same answers as from any other way in.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

from litestar import Request, Response, get
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect
from litestar.types import Scope

from kernel.auth import public
from kernel.db import Db
from kernel.door import Arrival
from kernel.problems import as_domain_error, problem_response
from kernel.routing import Limit, Offset, Page, rows_for
from plugins.auth.actions import federation
from plugins.auth.actions.admission import SignedIn
from plugins.auth.actions.federation import PendingSignIn, Returned
from plugins.auth.cookies import browser_cookie, browser_cookie_name, mfa_cookie, sign_in_cookies
from plugins.auth.queries.identities import LOGIN_PATH, provider_cards
from plugins.auth.routes.answers import admission_answer
from plugins.auth.routes.arrivals import COUNTED_AS_LOGIN, CREDENTIAL_IGNORED, arrival_of
from plugins.auth.schemas.identities import LOCAL_PATH, Mode, ProviderCard, SentAway
from plugins.auth.schemas.sessions import MfaRequired, SignInAnswer

SIGN_IN_PAGE = "/sign-in"
CODE_PAGE = "/sign-in/code"
REDIRECTED: Mapping[int, ResponseSpec] = {
    303: ResponseSpec(None, description="A browser goes on, or where it reads why not.")
}
Next = Annotated[
    str, QueryParameter(max_length=500, pattern=LOCAL_PATH, description="The path of this site to end at.")
]


def browser_of(arrival: Arrival) -> str:
    """Return the secret of the browser's cookie, a new one if it has none."""
    known = arrival.cookie(browser_cookie_name(secure=arrival.is_secure))
    # Kept if it is there: several tabs may be signing in.
    return known if len(known) == len(secrets.token_urlsafe(32)) else secrets.token_urlsafe(32)


def refusal(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Send a browser to the page where it can try again, with the code of what was wrong; tell a client as usual."""
    domain = as_domain_error(error)
    pending: PendingSignIn | None = request.scope["state"].get("pending")
    if domain is None or not _is_browser(request, pending):
        return problem_response(request, error)
    page = pending.path if pending is not None and pending.linking is not None else SIGN_IN_PAGE
    asked = {"error": domain.code, **({"next": pending.path} if pending is not None and page == SIGN_IN_PAGE else {})}
    return _redirect(f"{page}{'&' if '?' in page else '?'}{urlencode(asked)}", headers=domain.headers)


def _is_browser(request: Request[Any, Any, Any], pending: PendingSignIn | None) -> bool:
    if pending is not None:
        return pending.mode == "browser"
    return request.query_params.get("mode", "browser") == "browser" and "text/html" in request.headers.get("accept", "")


def _redirect(path: str, *, cookies: Sequence[Cookie] = (), headers: Mapping[str, str] | None = None) -> Redirect:
    # The address that led here holds a code, so the next page must not hear of it.
    return Redirect(
        path, status_code=303, cookies=cookies, headers={"Referrer-Policy": "no-referrer", **(headers or {})}
    )


def _entrance(admitted: SignedIn | MfaRequired, pending: PendingSignIn, arrival: Arrival) -> Redirect:
    """Send a browser to where its sign-in was to end, or to where its second factor is asked for."""
    if isinstance(admitted, SignedIn):
        return _redirect(pending.path, cookies=sign_in_cookies(admitted.tokens, secure=arrival.is_secure))
    owes = mfa_cookie(admitted.mfa_token, admitted.expires_in, secure=arrival.is_secure)
    return _redirect(f"{CODE_PAGE}?{urlencode({'next': pending.path})}", cookies=[owes])


def _home(db: Db, arrival: Arrival, provider: str, path: str) -> str | None:
    """Return where to begin instead, for a browser at another host than the callback's: its cookie must be there."""
    url = db.tenant.url(f"{LOGIN_PATH.format(quote(provider, safe=''))}?{urlencode({'next': path})}")
    return None if urlsplit(url).hostname == arrival.hostname.strip("[]") else url


@get("/auth/providers", guards=[public], opt=CREDENTIAL_IGNORED, operation_id="auth_providers")
async def list_providers(db: Db, limit: Limit = 100, offset: Offset = 0) -> Page[ProviderCard]:
    """Return who else may say who somebody is, and where signing in by them begins."""
    cards = provider_cards(db)
    return Page(cards[offset : offset + rows_for(limit)], len(cards), rows_for(limit), offset)


@get(
    "/auth/oauth/{provider:str}/login",
    guards=[public],
    opt=CREDENTIAL_IGNORED,
    exception_handlers={Exception: refusal},
    responses={200: ResponseSpec(SentAway, generate_examples=False), **REDIRECTED},
    operation_id="auth_oauth_login",
)
async def begin(
    db: Db,
    scope: Scope,
    provider: FromPath[str],
    next: Next = "/",  # noqa: A002 - so is it called in the query
    mode: FromQuery[Mode] = "browser",
) -> Response[Any]:
    """Go to a provider's page to sign in there; `mode=json` answers with its address instead."""
    arrival = arrival_of(scope)
    if mode == "browser" and (home := _home(db, arrival, provider, next)) is not None:
        return _redirect(home)
    browser = browser_of(arrival)
    url = await federation.begin_sign_in(db, provider, browser=browser, path=next, mode=mode)
    cookies = [browser_cookie(browser, secure=arrival.is_secure)]
    return Response(SentAway(url), cookies=cookies) if mode == "json" else _redirect(url, cookies=cookies)


@get(
    "/auth/oauth/{provider:str}/callback",
    guards=[public],
    opt=COUNTED_AS_LOGIN,
    exception_handlers={Exception: refusal},
    responses={
        200: ResponseSpec(SignInAnswer | MfaRequired, generate_examples=False),  # type: ignore[arg-type]  # a union too
        204: ResponseSpec(None, description="The account is linked."),
        **REDIRECTED,
    },
    operation_id="auth_oauth_callback",
)
async def finish(
    db: Db,
    request: Request[Any, Any, Any],  # so that whatever else providers put into the query is let through
    provider: FromPath[str],
    waiting: Annotated[str, QueryParameter(name="state")] = "",  # Litestar keeps that name for itself
    code: FromQuery[str] = "",
    error: FromQuery[str] = "",
    iss: FromQuery[str] = "",
) -> Response[Any]:
    """Come back from a provider; a browser ends at its path, signed in or asked for the second factor."""
    arrival = arrival_of(request.scope)
    browser = arrival.cookie(browser_cookie_name(secure=arrival.is_secure))
    pending = await federation.take_pending(db, provider, state=waiting, browser=browser)
    request.scope["state"]["pending"] = pending
    returned = Returned(code, error, iss)
    if pending.linking is not None:
        await federation.finish_linking(db, pending, pending.linking, returned)
        return _redirect(pending.path) if pending.mode == "browser" else Response(None, status_code=204)
    admitted = await federation.finish_sign_in(db, pending, returned)
    return admission_answer(admitted, arrival) if pending.mode == "json" else _entrance(admitted, pending, arrival)


HANDLERS: tuple[HTTPRouteHandler, ...] = (list_providers, begin, finish)
