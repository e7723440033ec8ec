"""Signing in by providers, and what an account is linked to."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from kernel.routing import Body
from plugins.auth.settings import ProviderId

Mode = Literal["browser", "json"]
"""How a sign-in by a provider ends: with cookies and a redirect, or with JSON for a client that follows by itself."""
LOCAL_PATH = r"^/(?![/\\])[!$-\[\]-~]*$"
"""A path of this site: no other host, nothing that a browser would read as one."""
LocalPath = Annotated[str, Meta(max_length=500, pattern=LOCAL_PATH)]


class ProviderCard(Struct, frozen=True):
    """A provider on the sign-in page."""

    id: str
    name: str
    kind: Literal["oidc", "oauth2"]
    login_url: str


class LinkRequest(Body, frozen=True, kw_only=True):
    """A provider that shall open one's own account from now on."""

    provider: ProviderId
    password: Annotated[str, Meta(max_length=128)] | None = None
    next: LocalPath = "/"
    mode: Mode = "browser"


class SentAway(Struct, frozen=True):
    """Where to go on: the provider's page, which sends back to the callback."""

    authorization_url: str


class IdentityCard(Struct, frozen=True):
    """A provider's word that opens one's own account."""

    id: UUID
    provider: str | None
    """Its id here; null if the school has left it since."""
    provider_name: str
    email: str | None
    linked_at: datetime
