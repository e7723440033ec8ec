"""The two cookies of a browser that is signed in (rule 18 of the security design)."""

from collections.abc import Sequence

from litestar.datastructures import Cookie

from kernel.door import access_cookie_name
from plugins.auth.actions.sessions import Tokens

REFRESH_COOKIE = "collegium_refresh"


def refresh_cookie_name(*, secure: bool) -> str:
    """Return the name of the cookie with the refresh token; `__Host-` wherever the browser sees https."""
    return f"__Host-{REFRESH_COOKIE}" if secure else REFRESH_COOKIE


def sign_in_cookies(tokens: Tokens, *, secure: bool) -> Sequence[Cookie]:
    """Return the cookies that carry both tokens, each for as long as it counts."""
    return (
        _cookie(access_cookie_name(secure=secure), tokens.access_token, tokens.expires_in, secure=secure),
        _cookie(refresh_cookie_name(secure=secure), tokens.refresh_token, tokens.refresh_expires_in, secure=secure),
    )


def sign_out_cookies(*, secure: bool) -> Sequence[Cookie]:
    """Return the cookies that make a browser forget both tokens."""
    names = (access_cookie_name(secure=secure), refresh_cookie_name(secure=secure))
    return tuple(_cookie(name, "", 0, secure=secure) for name in names)


def _cookie(name: str, value: str, max_age_s: int, *, secure: bool) -> Cookie:
    return Cookie(name, value=value, max_age=max_age_s, path="/", secure=secure, httponly=True, samesite="lax")
