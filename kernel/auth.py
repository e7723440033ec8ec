"""Who is asking and what they may do: Actor, Permission, the guards of routes, what an access token says.

How passwords, sessions and accounts are kept is an identity plugin's concern (`kernel.identity`); how a request
is admitted stands in `kernel.gate`.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn
from uuid import UUID

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from kernel import clock
from kernel.errors import Forbidden, Unauthenticated
from kernel.keys import Keyring
from kernel.scopes import Scope, by_reach
from kernel.tokens import Algorithm, SignedTokens, TokenInvalid

ACCESS_TTL_S = 15 * 60
_MOST_VERIFIED = 10_000
MOST_PATTERN_BYTES = 1_000
"""Of the grants in a token: browsers drop a cookie of 4,096 bytes without a word, and its user with it."""


class Permission(msgspec.Struct, frozen=True):
    """Something that a role may be allowed to do.

    Args:
        name: Dotted, `plugin.thing.verb`.
        title: What it allows, for the page on which an administrator gives it.
        roles: The roles that hold it at first, each with how far it reaches.
        scopes: How far an administrator may let it reach: what its actions and queries heed. When absent, as far as
            it reaches for any of `roles`.
    """

    name: str
    title: str
    roles: Mapping[str, Scope] = {}
    scopes: tuple[Scope, ...] = ()

    @property
    def grantable(self) -> tuple[Scope, ...]:
        """The scopes in which it may be given, the widest first."""
        return by_reach(self.scopes or self.roles.values() or ("any",))


class Actor(msgspec.Struct, frozen=True):
    """Whoever makes a request: a signed-in user, nobody, or the system in background work."""

    tenant_id: UUID
    user_id: UUID | None = None
    role: str = ""
    session_id: UUID | None = None
    grants: Mapping[str, Scope] = {}
    is_operator: bool = False
    address: str = ""

    @property
    def id(self) -> UUID:
        """The user's id, for actions that only a signed-in user reaches.

        Raises:
            Unauthenticated: Nobody is signed in.
        """
        if self.user_id is None:
            raise Unauthenticated
        return self.user_id

    def scope(self, permission: Permission) -> Scope | None:
        """Return how far the permission reaches for this actor; None if not held."""
        return self.grants.get(permission.name)

    def may(self, permission: Permission) -> bool:
        """Whether the actor holds the permission in any scope."""
        return permission.name in self.grants

    def reach(self, permission: Permission) -> Scope:
        """Return how far the permission reaches for this actor, for a condition in SQL (`kernel.scoped_rows.within`).

        Raises:
            Forbidden: The actor does not hold the permission.
        """
        scope = self.scope(permission)
        if scope is None:
            raise Forbidden
        return scope

    def limited_to(self, permission: Permission) -> UUID | None:
        """Return the only owner whose rows the permission reaches: the actor's own id, or None for every row.

        For permissions that know no assigned rows; what is assigned counts as own here.

        Raises:
            Forbidden: The actor does not hold the permission.
        """
        return None if self.reach(permission) == "any" else self.id


class Requires:
    """Guard of a route: the actor must hold the permission in some scope.

    Guards are coroutines because Litestar sends a plain function to a thread, once a request.
    """

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        """Refuse unless the actor holds the permission."""
        actor: Actor = connection.scope["user"]
        if self.permission.name not in actor.grants:
            await _refuse(connection, self.permission.name)


def requires(permission: Permission) -> Requires:
    """Return the guard that lets in only who holds the permission."""
    return Requires(permission)


async def public(_connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard that says on purpose: anybody may come in."""


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard that lets in every signed-in user, whatever their role: their own account, for example."""
    if connection.scope["user"].user_id is None:
        raise Unauthenticated


async def operator(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Guard that lets in operators alone: what spans tenants, or belongs to the deployment."""
    actor: Actor = connection.scope["user"]
    if not actor.is_operator:
        await _refuse(connection, "operator")


async def _refuse(connection: ASGIConnection[Any, Any, Any, Any], permission: str) -> NoReturn:
    actor: Actor = connection.scope["user"]
    if actor.user_id is None:
        raise Unauthenticated
    await connection.app.state.deployment.refusals.record(connection.scope, permission)
    raise Forbidden


def grant_patterns(grants: Mapping[str, Scope], permissions: Iterable[Permission]) -> list[str]:
    """Return the grants as few patterns, such as `courses.*:own`, for clients to read.

    A plugin all of whose permissions are held in one scope becomes one pattern; else one for each thing, or for
    each permission. What is enforced is `Actor.grants`, never these: where they would make the cookie too large for
    browsers, the last pattern is `...`, and `GET /api/v1` tells the rest.
    """
    names = sorted(permission.name for permission in permissions)
    patterns: list[str] = []
    done: set[str] = set()
    for name in names:
        if name in done or name not in grants:
            continue
        for depth in range(1, name.count(".") + 1):
            prefix = ".".join(name.split(".")[:depth]) + "."
            family = [other for other in names if other.startswith(prefix)]
            if len(family) > 1 and {grants.get(other) for other in family} == {grants[name]}:
                patterns.append(f"{prefix}*:{grants[name]}")
                done.update(family)
                break
        else:
            patterns.append(f"{name}:{grants[name]}")
    return _fitting(patterns)


def _fitting(patterns: list[str]) -> list[str]:
    """Return as many patterns as a token may hold, with a sign that there are more."""
    size = 0
    for position, pattern in enumerate(patterns):
        size += len(pattern) + len('"",')
        if size > MOST_PATTERN_BYTES:
            return [*patterns[:position], "..."]
    return patterns


class AccessClaims(msgspec.Struct, frozen=True, kw_only=True):
    """What an access token says."""

    user_id: UUID
    tenant: UUID
    session: UUID
    role: str
    exp: int


class AccessTokens:
    """Makes and verifies access tokens: JWTs of 15 minutes, `typ` at+jwt (RFC 9068), signed as the deployment says."""

    def __init__(self, keyring: Keyring, algorithm: Algorithm = "HS256") -> None:
        # A key of its own for each algorithm, so that a public key is never taken for a shared secret.
        purpose = "jwt" if algorithm == "HS256" else "jwt-eddsa"
        self._tokens = SignedTokens(keyring, purpose, "at+jwt", algorithm=algorithm)
        self._verified: OrderedDict[bytes, AccessClaims] = OrderedDict()

    def issue(
        self, *, user_id: UUID, tenant_id: UUID, session_id: UUID, role: str, patterns: Sequence[str]
    ) -> tuple[str, int]:
        """Return a token and the seconds until it expires."""
        claims = {
            "sub": str(user_id),
            "user_id": str(user_id),
            "tenant": str(tenant_id),
            "session": str(session_id),
            "role": role,
            "permissions": list(patterns),
        }
        return self._tokens.sign(claims, ACCESS_TTL_S), ACCESS_TTL_S

    def verify(self, token: str) -> AccessClaims:
        """Return the claims of a valid token.

        A verified token is remembered until it expires: that spares the signature, nothing else; session, tenant
        and plugins are asked at every request.

        Raises:
            Unauthenticated: Wrong signature, type, key, issuer, audience, or expired.
        """
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._decode(token)
            if len(self._verified) >= _MOST_VERIFIED:
                self._verified.popitem(last=False)
            self._verified[digest] = claims
        if claims.exp <= clock.now().timestamp():
            self._verified.pop(digest, None)
            raise Unauthenticated("The access token has expired.")
        return claims

    def _decode(self, token: str) -> AccessClaims:
        try:
            return msgspec.convert(self._tokens.read(token), AccessClaims, strict=False)
        except (TokenInvalid, msgspec.ValidationError) as error:
            raise Unauthenticated("The access token is not valid.") from error
