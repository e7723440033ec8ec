"""Which events a test brought about."""

from collections.abc import Iterator
from functools import partial
from typing import TypeVar
from uuid import UUID

import msgspec
import pytest

from kernel.db import Db
from kernel.deployment import Deployment
from kernel.events import Event
from kernel.testing.schools import School

E = TypeVar("E", bound=Event)


class Recorder:
    """What was published and committed since it began or was cleared, in order, heard by somebody or not."""

    def __init__(self) -> None:
        self._kept: list[tuple[UUID, Event]] = []

    @property
    def events(self) -> list[Event]:
        """Every event, as it arrives at a listener."""
        return [_arrived(event) for _, event in self._kept]

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one class."""
        return [event for event in self.events if isinstance(event, kind)]

    def of_school(self, school: School) -> list[Event]:
        """Return the events of one school."""
        return [_arrived(event) for tenant_id, event in self._kept if tenant_id == school.id]

    def clear(self) -> None:
        """Forget them."""
        self._kept.clear()

    def watch(self, db: Db, event: Event) -> None:
        """Keep an event once its transaction has committed; not the kernel's own, of which no plugin may know."""
        if event.name.startswith("kernel."):
            return
        db.after_commit(partial(self._keep, db.tenant_id, event))

    async def _keep(self, tenant_id: UUID, event: Event) -> None:
        self._kept.append((tenant_id, event))


def _arrived(event: E) -> E:
    """Return the event as a listener reads it; one whose fields do not survive JSON fails here."""
    return msgspec.json.decode(msgspec.json.encode(event), type=type(event))


@pytest.fixture
def recorder(deployment: Deployment) -> Iterator[Recorder]:
    """The events that this test publishes and commits."""
    made = Recorder()
    deployment.listeners.watchers.append(made.watch)
    yield made
    deployment.listeners.watchers.remove(made.watch)
