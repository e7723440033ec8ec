"""The way in: tenant, origin, credential, session, limits and switched-off plugins, before any handler runs.

What a permission lets through is asked by the route's own guard (`kernel.auth.requires`); which rows it reaches,
by each action and query.
"""

import asyncio
import re
from typing import Any, cast

from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from kernel import clock
from kernel.arrivals import Arrival, access_cookie_name
from kernel.auth import ACCESS_TTL_S, AccessClaims, Actor, public
from kernel.categories import SECURITY, RateLimits, SecuritySettings
from kernel.connections import Connections
from kernel.cross_origin import is_listed, without_cookies
from kernel.db import DatabaseUnavailable, Origin
from kernel.deployment import Deployment
from kernel.errors import FieldError, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated, Unavailable
from kernel.gate import STRICT_DOORS, Admission, Limit, RedisUnavailable
from kernel.idempotency import is_idempotent
from kernel.identity import SessionState
from kernel.kept_answers import Keeping, how_kept, send_kept, what_keeps
from kernel.metrics import REFUSED
from kernel.query_names import QueryNames
from kernel.replicas import MOST_BEHIND_S, is_reading
from kernel.tenancy import Tenant, TenantUnknown

__all__ = ["Arrival", "Door", "HandlerTimeout", "PluginNotEnabled", "SessionRestricted", "access_cookie_name"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SLUG = re.compile(r"[a-z0-9-]{1,63}")
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,200}")


class PluginNotEnabled(NotFound):
    """The route belongs to a plugin that does not act for this tenant."""

    code = "plugin_not_enabled"
    title = "This part is not switched on here."


class SessionRestricted(Forbidden):
    """The session is not a full one yet: a second factor must be set up first."""

    code = "kernel.session_restricted"
    title = "Set up a second factor first; your school asks for one."


class HandlerTimeout(Unavailable):
    """The handler did not answer in time."""

    code = "kernel.handler_timeout"
    title = "This took too long and was given up. Repeat it with the same Idempotency-Key, if it changes something."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class Door:
    """ASGI middleware inside the routing, so that it knows which handler is meant."""

    def __init__(self, app: ASGIApp, deployment: Deployment) -> None:
        self._app = app
        self._deployment = deployment
        self._queries = QueryNames()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit the request or raise the refusal."""
        handler = cast("HTTPRouteHandler", scope["route_handler"])
        if handler.opt.get("door") != "none":
            arrival = Arrival(scope, self._deployment)
            if not await self._is_listed(scope, arrival):
                if scope["method"] not in SAFE_METHODS:  # type: ignore[typeddict-item]
                    arrival.check_origin()
            elif scope["method"] == "OPTIONS":  # type: ignore[typeddict-item]
                # A browser asks what it may send; that is said by headers, and counts against no limit.
                await self._app(scope, receive, send)
                return
            await self._admit(scope, handler, arrival)
            if (place := scope["state"].get("place")) is not None:
                known = arrival.text(b"if-none-match").encode("latin-1")
                if (answer := self._deployment.kept.get(place)) is not None:
                    await send_kept(answer, send, known=known)
                    return
                send = Keeping(self._deployment.kept, place, send, known=known)
        await self._in_time(scope, receive, send)

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the handler work for as long as it may; what the client takes to send and to receive does not count."""
        limit_s, now = self._deployment.settings.handler_timeout_s, asyncio.get_running_loop().time
        limit, has_begun = asyncio.timeout(limit_s), False

        def set_limit(when: float | None) -> None:
            # Whoever goes on although the time is over, as a driver does that cleans up, gets no more of it.
            if not limit.expired():
                limit.reschedule(when)

        async def timed_receive() -> Any:
            set_limit(None)
            message = await receive()
            if not has_begun:
                set_limit(now() + limit_s)
            return message

        async def timed_send(message: Message) -> None:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                set_limit(None)
            await send(message)

        try:
            async with limit:
                await self._app(scope, timed_receive, timed_send)
        except TimeoutError:
            if limit.expired():
                raise HandlerTimeout from None
            raise

    async def _is_listed(self, scope: Scope, arrival: Arrival) -> bool:
        """Whether the tenant lists the foreign origin that asks; such a request has no cookies from here on."""
        if not (origin := arrival.foreign_origin) or not is_listed(origin, await self._tenant(arrival, None)):
            return False
        scope["state"]["foreign_origin"] = origin
        without_cookies(scope)
        arrival.forget_cookies()
        return True

    async def _admit(self, scope: Scope, handler: HTTPRouteHandler, arrival: Arrival) -> None:
        if scope["query_string"]:
            self._queries.check(scope["query_string"], handler)
        bearer = arrival.bearer()
        token = bearer or arrival.cookie(access_cookie_name(secure=arrival.is_secure))
        open_to_all = public in (handler.guards or ())
        claims = None
        if token and not handler.opt.get("credential_ignored"):
            claims = self._verify(token, tolerated=open_to_all and not bearer)
        try:
            tenant = await self._tenant(arrival, claims)
        except (TenantUnknown, RateLimited, DatabaseUnavailable):
            # What belongs to no tenant is sent wherever a page that says why there is none asks for it.
            if handler.opt.get("any_host"):
                return
            raise
        state = scope["state"]
        state["tenant"] = tenant
        origin = Origin(tenant.id, None, state.get("request_id", ""), arrival.address, arrival.agent)
        actor, tenant = await self._actor(tenant, claims, arrival, scope, origin)
        plugin = handler.opt.get("plugin")
        if plugin is not None and plugin not in tenant.plugins:
            raise PluginNotEnabled
        if actor.user_id is not None and self._deployment.registry.identity_plugin not in tenant.plugins:
            raise Unauthenticated("Nobody can be signed in here: accounts are switched off.")
        if is_reading(handler) and what_keeps(handler) is None:
            state["replica"] = self._replica(claims, state.get("wrote"))
        if (how := what_keeps(handler)) is not None and (admission := state.get("admission")) is not None:
            place_of = self._deployment.kept.place_of
            place = await place_of(how, admission, actor, tenant, scope["path"], scope["query_string"])
            state["place" if how_kept(handler) else "part_place"] = place
        scope["user"] = actor
        state["tenant"] = tenant
        state["arrival"] = arrival
        key = self._idempotency_key(arrival) if is_idempotent(handler) else ""
        state["origin"] = Origin(tenant.id, actor.user_id, origin.request_id, origin.address, origin.agent, key)

    def _replica(self, claims: AccessClaims | None, wrote: int | None) -> Connections | None:
        """Return the replica from which a request reads; None for the primary."""
        if claims is not None:
            # Whoever has just signed in may look for what they wrote before they had a name.
            is_fresh = claims.exp - clock.now().timestamp() > ACCESS_TTL_S - MOST_BEHIND_S
            if wrote is None or is_fresh:
                return None
        return self._deployment.replicas.connections_for(wrote)

    def _verify(self, token: str, *, tolerated: bool) -> AccessClaims | None:
        try:
            return self._deployment.tokens.verify(token)
        except Unauthenticated:
            if tolerated:
                return None
            raise

    async def _tenant(self, arrival: Arrival, claims: AccessClaims | None) -> Tenant:
        tenants, caller = self._deployment.tenants, arrival.line
        if arrival.slug:
            if not _SLUG.fullmatch(arrival.slug):
                raise TenantUnknown
            tenant = await tenants.by_slug(arrival.slug, caller=caller)
        else:
            tenant = await tenants.by_host(arrival.hostname, caller=caller)
        if claims is not None and claims.tenant != tenant.id:
            raise Unauthenticated("The access token belongs to another school.")
        return tenant

    async def _actor(
        self, tenant: Tenant, claims: AccessClaims | None, arrival: Arrival, scope: Scope, origin: Origin
    ) -> tuple[Actor, Tenant]:
        admission = await self._gate(tenant, claims, arrival, cast("HTTPRouteHandler", scope["route_handler"]))
        if admission is not None:
            if not self._deployment.tenants.is_current(
                tenant, admission.tenant_version, admission.directory_version, admission.losses
            ):
                tenant = await self._tenant(arrival, claims)
            scope["state"]["admission"] = admission
            scope["state"]["limit"] = admission.limit
            scope["state"]["wrote"] = admission.wrote or 0
            if admission.limit is not None and not admission.limit.allowed:
                handler = cast("HTTPRouteHandler", scope["route_handler"])
                REFUSED.labels(str(handler.opt.get("door", "api"))).inc()
                raise RateLimited
        if claims is None:
            return Actor(tenant.id, address=arrival.address, grants=tenant.grants("")), tenant
        session = admission.session if admission else None
        if session is None:
            session = await self._stored_session(tenant, claims, origin, refill=admission is not None)
        if session is None or session.user_id != claims.user_id:
            raise Unauthenticated("This session has ended. Sign in again.")
        handler = cast("HTTPRouteHandler", scope["route_handler"])
        if self._is_shut_to(tenant, session, handler):
            if public not in (handler.guards or ()):
                raise SessionRestricted
            return Actor(tenant.id, address=arrival.address, grants=tenant.grants("")), tenant
        return (
            Actor(
                tenant_id=tenant.id,
                user_id=session.user_id,
                role=session.role,
                session_id=claims.session,
                grants=tenant.grants(session.role),
                is_operator=session.is_operator,
                address=arrival.address,
            ),
            tenant,
        )

    def _is_shut_to(self, tenant: Tenant, session: SessionState, handler: HTTPRouteHandler) -> bool:
        """Whether the session must become a full one before it may use this route."""
        identity = self._deployment.registry.identity
        is_restricted = identity is not None and identity.is_restricted(tenant, session)
        return is_restricted and not handler.opt.get("open_to_restricted")

    async def _gate(
        self, tenant: Tenant, claims: AccessClaims | None, arrival: Arrival, handler: HTTPRouteHandler
    ) -> Admission | None:
        door = handler.opt.get("door", "api")
        rates = tenant.setting(SECURITY, SecuritySettings).rate_limits
        limits = _limits(door, rates, claims, arrival.line)
        try:
            session_id, user_id = (claims.session, claims.user_id) if claims else (None, None)
            how = what_keeps(handler)
            content = how.name if how else ""
            return await self._deployment.gate.admit(tenant.id, session_id, limits, user_id=user_id, content=content)
        except RedisUnavailable:
            self._deployment.tenants.doubt()
            if door in STRICT_DOORS:
                raise
            return None

    async def _stored_session(
        self, tenant: Tenant, claims: AccessClaims, origin: Origin, *, refill: bool
    ) -> SessionState | None:
        """Ask PostgreSQL for a session that Redis does not have, and give it back to Redis."""
        identity = self._deployment.registry.identity
        if identity is None:
            return None
        async with self._deployment.database.transaction(origin, tenant) as db:
            session = await identity.session_state(db, claims.session)
        if session is not None and refill:
            await self._deployment.gate.keep_session(tenant.id, claims.session, session)
        return session

    def _idempotency_key(self, arrival: Arrival) -> str:
        key = arrival.text(b"idempotency-key").strip('"')
        if key and not _IDEMPOTENCY_KEY.fullmatch(key):
            raise Invalid(errors=[FieldError("Idempotency-Key", "Give 1 to 200 visible ASCII characters.")])
        return key


def _limits(door: str, rates: RateLimits, claims: AccessClaims | None, line: str) -> list[Limit]:
    if door == "login":
        return [Limit(f"login:address:{line}", "log", rates.login_per_minute)]
    caller = f"user:{claims.user_id}" if claims else f"address:{line}"
    if door == "redeem":
        return [
            Limit(f"redeem:address:{line}", "log", rates.redeem_per_minute),
            Limit(f"redeem:{caller}", "log", rates.redeem_per_minute),
        ]
    per_minute: dict[str, Any] = {
        "api": rates.api_per_minute,
        "upload": rates.upload_per_minute,
        "progress": rates.progress_per_minute,
        "page": rates.page_per_minute,
        "media": rates.media_per_minute,
        "asset": rates.asset_per_minute,
    }
    return [Limit(f"{door}:{caller}", "log" if door == "upload" else "gcra", per_minute[door])]
