"""The dispatcher: turns rows of the outbox into calls of listeners.

Rows are claimed in a short transaction, which counts the attempt, so that a row which kills its worker dies in the
end. Then the listener's own transaction takes the row away: effect and acknowledgement commit together. Publishing is
`kernel.events`, the statements are `kernel.outbox`; what keeps this going when PostgreSQL is away is `kernel.worker`.
"""

import asyncio
import time

import msgspec
import structlog

from kernel import outbox
from kernel.db import Database, Origin
from kernel.deployment import Deployment
from kernel.events import Event, Listener
from kernel.faults import describe
from kernel.metrics import EVENTS
from kernel.outbox import Claim
from kernel.tenancy import Tenant, TenantUnknown
from kernel.tracing import work_span

log = structlog.get_logger(__name__)

LANES = 5
"""Listeners that one process runs side by side; each takes a connection."""
_TIME_LIMIT_S = 30
_POLL_S = 0.2
# Claims in advance save transactions, as long as they are used before they are due again (`kernel.outbox`).
_AHEAD_S = 0.1
_MOST_AHEAD = 50
_STALE_S = 0.3


class EventVersionUnknown(Exception):
    """The row was written by a version of the plugin that knows another shape of the event."""


class Dispatcher:
    """Delivers events, some side by side; several processes may do so at the same time."""

    def __init__(self, deployment: Deployment, database: Database, *, lanes: int = LANES) -> None:
        self._deployment = deployment
        self._database = database
        self._listeners = deployment.listeners
        self._lanes = lanes
        self._running: dict[asyncio.Task[None], str] = {}
        self._claims: list[Claim] = []
        self._claimed_at = 0.0
        self._usual_s = _AHEAD_S

    async def round(self) -> None:
        """Claim what is due, as far as lanes are free, and wait until there may be more."""
        self._listeners.news.clear()
        if self._claims and time.monotonic() - self._claimed_at > _STALE_S:
            await self._put_back()
        if not self._claims and len(self._running) < self._lanes:
            self._claims = await self._claim()
            self._start()
            if self._running and not self._claims:
                return
        await self._wait_for_news()

    async def settle(self) -> None:
        """Deliver until nothing is due; for tests and commands."""
        while True:
            self._claims = await self._claim()
            if not self._claims:
                break
            self._start()
            while self._running:
                await asyncio.wait(set(self._running))

    async def drain(self, grace_s: float) -> None:
        """Let running listeners end; what is still running after the grace period is rolled back."""
        await self._put_back()
        if self._running:
            await asyncio.wait(set(self._running), timeout=grace_s)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(set(self._running))

    async def _claim(self) -> list[Claim]:
        free = self._lanes - len(self._running)
        most = max(free, min(int(self._lanes * _AHEAD_S / self._usual_s), _MOST_AHEAD))
        self._claimed_at = time.monotonic()
        names = [name for name in self._listeners.by_name if self._may_start(name)]
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            claims = await outbox.claim(db, names, most=most, most_again=free)
        for claim in claims:
            if claim.is_dead:
                _tell_dead(claim)
        return [claim for claim in claims if not claim.is_dead]

    async def _put_back(self) -> None:
        claims, self._claims = self._claims, []
        if claims:
            async with self._database.transaction(Origin(tenant_id=None)) as db:
                await outbox.put_back(db, claims)

    def _may_start(self, listener: str) -> bool:
        """Whether a listener may take another lane: a slow one always leaves a lane to the others."""
        return list(self._running.values()).count(listener) < max(1, self._lanes - 1)

    def _start(self) -> None:
        for claim in list(self._claims):
            if len(self._running) == self._lanes:
                break
            if self._may_start(claim.listener):
                self._claims.remove(claim)
                task = asyncio.create_task(self._deliver(claim))
                self._running[task] = claim.listener
                task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self._start()
        if not self._claims:
            self._listeners.news.set()

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(_POLL_S):
                await self._listeners.news.wait()
        except TimeoutError:
            pass

    async def _deliver(self, claim: Claim) -> None:
        listener = self._listeners.by_name[claim.listener]
        started = time.monotonic()
        outcome = "failed"
        structlog.contextvars.bind_contextvars(request_id=claim.request_id)
        try:
            tenant = await self._tenant(claim)
            if tenant is None or not listener.acts_among(tenant.plugins):
                await self._postpone(claim, listener.plugin)
                outcome = "postponed"
            else:
                async with asyncio.timeout(_TIME_LIMIT_S):
                    await self._handle(claim, listener, tenant)
                outcome = "done"
        except Exception as error:
            log.warning("event.failed", listener=listener.name, id=str(claim.id), attempt=claim.attempts, exc_info=True)
            await self._fail(claim, error)
        EVENTS.labels(listener.name, outcome).inc()
        self._usual_s += 0.1 * (time.monotonic() - started - self._usual_s)

    async def _tenant(self, claim: Claim) -> Tenant | None:
        try:
            return await self._deployment.tenants.by_id(claim.tenant_id, version=claim.tenant_version)
        except TenantUnknown:
            return None

    async def _handle(self, claim: Claim, listener: Listener, tenant: Tenant) -> None:
        event = _event(claim, listener.event)
        origin = Origin(tenant.id, claim.actor_id, claim.request_id)
        with work_span(f"event {listener.name}", claim.request_id):
            async with self._database.transaction(origin, tenant) as db:
                if await outbox.take_away(db, claim):
                    await listener.handle(db, event)

    async def _postpone(self, claim: Claim, plugin: str) -> None:
        names = [each.name for each in self._listeners.by_name.values() if each.plugin == plugin]
        async with self._database.transaction(Origin(tenant_id=None)) as db:
            await outbox.postpone(db, claim, names)

    async def _fail(self, claim: Claim, error: Exception) -> None:
        try:
            async with self._database.transaction(Origin(tenant_id=None)) as db:
                is_dead = await outbox.fail(db, claim, describe(error))
        except Exception as unwritten:  # noqa: BLE001 - the claim itself has made the row due again
            log.warning("event.failure_not_written", id=str(claim.id), reason=describe(unwritten))
        else:
            if is_dead:
                _tell_dead(claim)


def _tell_dead(claim: Claim) -> None:
    log.error("event.dead", listener=claim.listener, id=str(claim.id), tenant_id=str(claim.tenant_id))


def _event(claim: Claim, kind: type[Event]) -> Event:
    if claim.event_version != kind.version:
        raise EventVersionUnknown(f"{kind.name} is version {kind.version} here and {claim.event_version} in the row")
    return msgspec.json.decode(claim.payload, type=kind)
