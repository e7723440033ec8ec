"""Events: how a fact reaches the plugins that listen for it, exactly once in effect.

`publish` leaves a row for each listener in the transaction of the fact itself. Turning rows into calls, with retries
and the dead letter, is `kernel.dispatch`; slow work that a listener starts is a task (`kernel.tasks`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar

import msgspec
from sqlalchemy import text

from kernel.db import Db
from kernel.ids import new_id
from kernel.plugin import PluginError

_INSERT = text("""
    INSERT INTO kernel.outbox (id, listener, event, event_version, payload, actor_id, request_id)
    SELECT listening.id, listening.name, CAST(:event AS text), CAST(:version AS integer),
           CAST(CAST(:payload AS text) AS jsonb), CAST(:actor_id AS uuid), CAST(:request_id AS text)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:names AS text[])) AS listening (id, name)
""")
_encoder = msgspec.json.Encoder()


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A fact in the past tense, with ids; personal data stands apart in a field `personal`, a Struct of its own.

    A change with which rows that wait already could not be read needs a new `version`.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1


class Listener(msgspec.Struct, frozen=True):
    """A reaction to an event, in a transaction of its own that also takes the event's row away.

    Args:
        event: The class to listen for.
        name: Dotted, begins with the plugin's name. Rows that wait carry it, so it stays what it is.
        handle: Short, because it holds a connection; slow work it enqueues as a task. Events may reach it in another
            order than they were published in.
    """

    event: type[Event]
    name: str
    handle: Callable[[Db, Any], Awaitable[None]]

    @property
    def plugin(self) -> str:
        """The plugin that listens."""
        return self.name.partition(".")[0]

    def acts_among(self, plugins: frozenset[str]) -> bool:
        """Whether it hears of events where these plugins act; what the kernel does itself it does for every tenant."""
        return self.plugin in plugins or self.plugin == "kernel"


class Listeners:
    """Who listens for what in this deployment.

    Raises:
        PluginError: Two listeners have the same name.
    """

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self.news = asyncio.Event()
        """Set when this process has published something, for a dispatcher in the same process."""
        self.watchers: list[Callable[[Db, Event], None]] = []
        """Told of each event in the transaction that publishes it, whoever listens; a test's recorder is one."""
        self.by_name: dict[str, Listener] = {}
        self._by_event: dict[type[Event], list[Listener]] = {}
        for listener in listeners:
            if listener.name in self.by_name:
                raise PluginError(listener.plugin, listener.name, "two listeners have this name.")
            self.by_name[listener.name] = listener
            self._by_event.setdefault(listener.event, []).append(listener)

    def acting(self, event: type[Event], plugins: frozenset[str]) -> list[str]:
        """Return the names of those who listen for an event and belong to one of these plugins."""
        return [each.name for each in self._by_event.get(event, ()) if each.acts_among(plugins)]

    async def announce(self) -> None:
        """Wake the dispatcher of this process, if there is one."""
        self.news.set()


async def publish(db: Db, event: Event) -> None:
    """Leave the event for every listener whose plugin acts for the tenant; it is gone if the transaction is."""
    listeners = db.deployment.listeners
    for watch in listeners.watchers:
        watch(db, event)
    names = listeners.acting(type(event), db.tenant.plugins)
    if not names:
        return
    await db.run(
        _INSERT,
        ids=[new_id() for _ in names],
        names=names,
        event=event.name,
        version=event.version,
        payload=_encoder.encode(event).decode(),
        actor_id=db.origin.actor_id,
        request_id=db.origin.request_id,
    )
    db.after_commit(listeners.announce)
