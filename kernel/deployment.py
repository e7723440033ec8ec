"""Everything that a running process shares: settings, plugins, connections, keys. Opened once, closed once."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from msgspec import structs
from redis.asyncio import Redis

from kernel.auth import AccessTokens, Actor
from kernel.db import Database, Db, Origin
from kernel.events import Listeners
from kernel.gate import Gate
from kernel.gathering import Gatherings
from kernel.kept_answers import KeptAnswers
from kernel.keys import Keyring
from kernel.mail.outgoing import MAIL_LISTENERS
from kernel.mail.servers import parse_mail_from, server_from_url
from kernel.refusals import Refusals
from kernel.registry import Registry
from kernel.replicas import Replicas
from kernel.scratch import sweep_scratch
from kernel.settings import Settings
from kernel.storage import Storage, storage_from_url
from kernel.tenancy import TenantDirectory
from kernel.tickets import Tickets
from kernel.totals import Totals


class Deployment:
    """The parts of a running process; plugins reach them as `db.deployment`."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.settings = settings
        self.registry = registry
        self.keyring = Keyring(settings.secret_keys)
        self.tokens = AccessTokens(self.keyring, settings.token_algorithm)
        self.smtp = server_from_url(settings.smtp_url)
        self.mail_from = parse_mail_from(settings.mail_from)
        self.storage: Storage = storage_from_url(
            settings.storage_url,
            public_url=settings.storage_public_url,
            redirects=settings.storage_redirect,
            proxy_path=settings.storage_proxy_path,
        )
        self.redis = Redis.from_url(settings.redis_url, socket_connect_timeout=2, socket_timeout=2)
        self.gate = Gate(self.redis)
        self.kept = KeptAnswers(self.gate, registry.kept)
        self.kept_parts: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self.totals = Totals()
        self.tickets = Tickets(self.redis)
        self.listeners = Listeners((*MAIL_LISTENERS, *registry.listeners))
        self.database = Database(
            settings.database_url,
            deployment=self,
            pool_size=settings.database_pool_size,
            replica_urls=settings.replica_database_urls,
        )
        self.replicas = Replicas(self.database)
        self.gatherings = Gatherings(self.database)
        self.refusals = Refusals(self.database)
        self.tenants = TenantDirectory(
            self.database,
            registry.acting,
            registry.permissions,
            registry.contributions,
            keyring=self.keyring,
            address_of=settings.address_of,
        )

    @property
    def set_aside(self) -> dict[str, str]:
        """The plugins that are bad and act nowhere, each with its reason."""
        return self.registry.set_aside

    async def open(self) -> None:
        """Prepare what must exist before the first request, and remove what processes that died have left."""
        await asyncio.to_thread(sweep_scratch)
        await self.storage.prepare()
        await self.replicas.open()

    async def close(self) -> None:
        """Close every connection."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.replicas.close)
            stack.push_async_callback(self.gatherings.close)
            stack.push_async_callback(self.storage.aclose)
            stack.push_async_callback(self.redis.aclose)
            stack.push_async_callback(self.gate.close)

    @asynccontextmanager
    async def operator_session(
        self, actor: Actor | None, reason: str, origin: Origin | None = None
    ) -> AsyncIterator[Db]:
        """Open a transaction that sees every tenant, by the operator role's own short-lived connection.

        Only `plugins.admin` and the command line may import what calls this (an import contract).

        Args:
            actor: The operator, for the audit log; None from the command line.
            reason: Why, for the audit log.
            origin: The request that asks for it; the log then says which.
        """
        origin = origin or Origin(tenant_id=None, actor_id=actor.user_id if actor else None, request_id=reason)
        origin = structs.replace(origin, tenant_id=None)
        database = Database(self.settings.operator_database_url, deployment=self, pool_size=1)
        try:
            async with database.transaction(origin) as db:
                yield db
        finally:
            await database.close()
