"""What an OpenID provider publishes of itself: its addresses and its keys, checked and kept for an hour."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey, import_key
from msgspec import Struct

from kernel import clock
from kernel.db import Db
from plugins.auth.federation.replies import ask, distrusted
from plugins.auth.settings import Provider

T = TypeVar("T")
PublicKey = RSAKey | ECKey | OKPKey

FRESH = timedelta(hours=1)
RENEWABLE = timedelta(minutes=1)
"""How old kept keys are before a token that names another one makes us ask again."""
_MOST_KEPT = 500
_MOST_KEYS = 50


class Metadata(Struct, frozen=True):
    """Where a provider does what (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    authorization_response_iss_parameter_supported: bool = False


class _KeySet(Struct, frozen=True):
    keys: list[dict[str, Any]]


class Kept(Generic[T]):
    """What was fetched, by tenant and address; the oldest goes when there are too many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, str], tuple[T, datetime]] = OrderedDict()

    async def get(self, db: Db, url: str, fetch: Callable[[Db, str], Awaitable[T]], *, at_most: timedelta) -> T:
        """Return what is kept if it is not older than that; else fetch it."""
        key = (db.tenant_id, url)
        kept = self._kept.get(key)
        if kept is not None and clock.now() - kept[1] <= at_most:
            return kept[0]
        value = await fetch(db, url)
        self._kept[key] = (value, clock.now())
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return value


_metadata: Kept[Metadata] = Kept()
_keys: Kept[tuple[PublicKey, ...]] = Kept()


async def metadata_of(db: Db, provider: Provider) -> Metadata:
    """Return where a provider does what.

    Raises:
        ProviderUnavailable: It does not say.
        ProviderDistrusted: It says that it is somebody else, or leads people astray.
    """
    return await _metadata.get(db, provider.issuer, _fetch_metadata, at_most=FRESH)


async def _fetch_metadata(db: Db, issuer: str) -> Metadata:
    found = await ask(db, f"{issuer.removesuffix('/')}/.well-known/openid-configuration", Metadata)
    if found.issuer != issuer:
        raise distrusted(db, "the issuer is another one", expected=issuer, found=found.issuer)
    # All other addresses are fetched by us, and judged then; this one is where we send people.
    schemes = ("https://",) if issuer.startswith("https://") else ("https://", "http://")
    if not found.authorization_endpoint.startswith(schemes):
        raise distrusted(db, "the authorization endpoint is no https address", issuer=issuer)
    return found


async def verification_key(db: Db, metadata: Metadata, header: Mapping[str, Any]) -> PublicKey | None:
    """Return the provider's public key that a token's header means; keys that are new to us are asked for once more.

    Raises:
        ProviderUnavailable: It does not give its keys.
    """
    for at_most in (FRESH, RENEWABLE):
        keys = await _keys.get(db, metadata.jwks_uri, _fetch_keys, at_most=at_most)
        if (key := _meant(keys, header)) is not None:
            return key
    return None


async def _fetch_keys(db: Db, url: str) -> tuple[PublicKey, ...]:
    found = await ask(db, url, _KeySet)
    return tuple(key for each in found.keys[:_MOST_KEYS] if (key := _public_key(each)) is not None)


def _public_key(data: dict[str, Any]) -> PublicKey | None:
    """Return a key for checking signatures; None for any other, and above all for one that also makes them."""
    try:
        key = import_key(data)
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, OctKey) or key.is_private or key.get("use") == "enc" else key


def _meant(keys: tuple[PublicKey, ...], header: Mapping[str, Any]) -> PublicKey | None:
    kid = header.get("kid")
    found = [key for key in keys if kid is None or key.kid == kid]
    fitting = [key for key in found if key.alg in (None, header.get("alg"))]
    # Without a name there must be no choice.
    return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None
