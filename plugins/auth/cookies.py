"""The cookies of a browser that is signed in, or about to be (rule 18 of the security design)."""

from collections.abc import Sequence

from litestar.datastructures import Cookie

from kernel.door import Arrival, access_cookie_name
from plugins.auth.actions.sessions import Tokens

REFRESH_COOKIE = "collegium_refresh"
BROWSER_COOKIE = "collegium_browser"
MFA_COOKIE = "collegium_mfa"
BROWSER_S = 10 * 60


def refresh_cookie_name(*, secure: bool) -> str:
    """Return the name of the cookie with the refresh token; `__Host-` wherever the browser sees https."""
    return f"__Host-{REFRESH_COOKIE}" if secure else REFRESH_COOKIE


def may_refresh(arrival: Arrival) -> bool:
    """Whether a browser without a living access token has something to get a new one for."""
    return bool(arrival.cookie(refresh_cookie_name(secure=arrival.is_secure)))


def mfa_cookie_name(*, secure: bool) -> str:
    """Return the name of the cookie of a browser that still owes its second factor."""
    return f"__Host-{MFA_COOKIE}" if secure else MFA_COOKIE


def browser_cookie_name(*, secure: bool) -> str:
    """Return the name of the cookie that binds sign-ins under way to a browser."""
    return f"__Host-{BROWSER_COOKIE}" if secure else BROWSER_COOKIE


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


def mfa_cookie(mfa_token: str, max_age_s: int, *, secure: bool) -> Cookie:
    """Return the cookie that carries what the first factor proved to where the second one is asked for."""
    return _cookie(mfa_cookie_name(secure=secure), mfa_token, max_age_s, secure=secure)


def browser_cookie(secret: str, *, secure: bool) -> Cookie:
    """Return the cookie by which a sign-in at a provider is finished in the browser that began it, and in no other."""
    return _cookie(browser_cookie_name(secure=secure), secret, BROWSER_S, secure=secure)


def _cookie(name: str, value: str, max_age_s: int, *, secure: bool) -> Cookie:
    return Cookie(name, value=value, max_age=max_age_s, path="/", secure=secure, httponly=True, samesite="lax")
