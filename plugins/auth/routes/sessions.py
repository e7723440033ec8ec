"""Signing in and out, and exchanging a refresh token."""

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from litestar.types import Scope

from kernel.auth import public
from kernel.db import Db
from kernel.door import access_cookie_name
from plugins.auth.actions import sessions, signing_in
from plugins.auth.cookies import refresh_cookie_name, sign_in_cookies, sign_out_cookies
from plugins.auth.errors import RefreshInvalid
from plugins.auth.routes.answers import admission_answer
from plugins.auth.routes.arrivals import COUNTED_AS_LOGIN, CREDENTIAL_IGNORED, arrival_of
from plugins.auth.schemas.sessions import LoginRequest, MfaRequired, Refreshed, RefreshRequest, SignInAnswer


@post("/auth/login", guards=[public], opt=COUNTED_AS_LOGIN, status_code=200, operation_id="auth_login")
async def login(db: Db, data: JSONBody[LoginRequest], scope: Scope) -> Response[SignInAnswer | MfaRequired]:
    """Sign in by address and password; the tokens come in the body and as cookies."""
    admitted = await signing_in.sign_in(db, email=data.email, password=data.password)
    return admission_answer(admitted, arrival_of(scope))


@post("/auth/refresh", guards=[public], opt=CREDENTIAL_IGNORED, status_code=200, operation_id="auth_refresh")
async def refresh(db: Db, scope: Scope, data: JSONBody[RefreshRequest | None] = None) -> Response[Refreshed]:
    """Exchange a refresh token; one from the body is answered in the body, one from a cookie by cookies alone."""
    arrival = arrival_of(scope)
    if data is not None and data.refresh_token is not None:
        tokens = await sessions.refresh(db, data.refresh_token)
        return Response(
            Refreshed(
                access_token=tokens.access_token, refresh_token=tokens.refresh_token, expires_in=tokens.expires_in
            )
        )
    presented = arrival.cookie(refresh_cookie_name(secure=arrival.is_secure))
    if not presented:
        raise RefreshInvalid
    tokens = await sessions.refresh(db, presented)
    return Response(Refreshed(expires_in=tokens.expires_in), cookies=sign_in_cookies(tokens, secure=arrival.is_secure))


@post("/auth/logout", guards=[public], opt=CREDENTIAL_IGNORED, status_code=204, operation_id="auth_logout")
async def logout(db: Db, scope: Scope, data: JSONBody[RefreshRequest | None] = None) -> Response[None]:
    """End the session at once and forget the cookies; whoever is not signed in gets the same answer."""
    arrival = arrival_of(scope)
    secure = arrival.is_secure
    sent = data.refresh_token if data is not None else None
    await sessions.sign_out(
        db,
        access_token=arrival.bearer() or arrival.cookie(access_cookie_name(secure=secure)),
        refresh_token=sent or arrival.cookie(refresh_cookie_name(secure=secure)),
    )
    return Response(None, cookies=sign_out_cookies(secure=secure))


HANDLERS: tuple[HTTPRouteHandler, ...] = (login, refresh, logout)
