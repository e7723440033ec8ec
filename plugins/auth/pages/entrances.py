"""The pages of who is not signed in: signing in, registering, and where mailed links lead."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from litestar.types import Scope

from kernel.db import Db
from plugins.auth.cookies import may_refresh
from plugins.auth.passkeys import relying_party
from plugins.auth.queries.identities import provider_cards
from plugins.auth.schemas.identities import LOCAL_PATH
from plugins.auth.settings import SETTINGS, AuthSettings

_HOME = "/dashboard"
_LONGEST_PATH = 500
_OUTSIDE: Mapping[str, Any] = {"credential_ignored": True}
Shown = tuple[str, Mapping[str, Any]]


async def sign_in(db: Db, scope: Scope, next: str = _HOME) -> Shown:  # noqa: A002 - the name that links carry
    """Show the ways in; who still has a refresh token is let through by it."""
    values = {
        "next": local(next),
        "providers": provider_cards(db),
        "registration_open": db.tenant.setting(SETTINGS, AuthSettings).registration_open,
        "may_refresh": may_refresh(scope["state"]["arrival"]),
        "passkey_origin": relying_party(db.tenant).origin,
    }
    return "auth/sign_in.html", values


async def register(db: Db, next: str = _HOME) -> Shown:  # noqa: A002 - the name that links carry
    """Show how to make an account."""
    settings = db.tenant.setting(SETTINGS, AuthSettings)
    values = {"next": local(next), "registration_open": settings.registration_open, "policy": settings.password}
    return "auth/register.html", values


async def forgot_password() -> Shown:
    """Show how to get a link for a new password."""
    return "auth/forgot_password.html", {}


async def reset_password(db: Db) -> Shown:
    """Show where to choose a new password, by the link that was mailed."""
    policy = db.tenant.setting(SETTINGS, AuthSettings).password
    return "auth/mailed_link.html", {"kind": "reset", "policy": policy}


async def accept_invitation(db: Db) -> Shown:
    """Show where somebody who was invited chooses a password."""
    policy = db.tenant.setting(SETTINGS, AuthSettings).password
    return "auth/mailed_link.html", {"kind": "invitation", "policy": policy}


async def verify_email() -> Shown:
    """Show where an address is confirmed; by a press, since machines open links too."""
    return "auth/mailed_link.html", {"kind": "verification", "policy": None}


def local(path: str) -> str:
    """Return where to go on: a path of this site, or the dashboard."""
    return path if len(path) <= _LONGEST_PATH and re.fullmatch(LOCAL_PATH, path) else _HOME


PAGES: Sequence[Mapping[str, Any]] = tuple(
    {"path": path, "handler": handler, "access": "public", "opt": _OUTSIDE}
    for path, handler in (
        ("/sign-in", sign_in),
        ("/register", register),
        ("/forgot-password", forgot_password),
        ("/reset-password", reset_password),
        ("/invitation", accept_invitation),
        ("/verify-email", verify_email),
    )
)
