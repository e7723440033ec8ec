"""What the kernel asks of the plugin that keeps accounts: find a session, make the first account."""

from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import msgspec

from kernel.db import Db

if TYPE_CHECKING:
    from kernel.tenancy import Tenant


class SessionState(msgspec.Struct, frozen=True):
    """A living session: whose, in which role. Kept in Redis and, for when Redis has lost it, in PostgreSQL."""

    user_id: UUID
    role: str
    is_operator: bool = False
    second_factor: bool = False
    """Whether a second factor was proved in this session."""


class Identity(Protocol):
    """Implemented by the one plugin that keeps accounts."""

    async def session_state(self, db: Db, session_id: UUID) -> SessionState | None:
        """Return the session if it lives and its user may sign in; None otherwise. One indexed read."""
        ...

    def is_restricted(self, tenant: "Tenant", session: SessionState) -> bool:
        """Whether the session must first become a full one. Asked at every request, so it waits for nothing.

        Until then it reaches only routes marked with `kernel.routing.OPEN_TO_RESTRICTED`; at public ones it is nobody.
        """
        ...

    async def create_user(
        self,
        db: Db,
        *,
        email: str,
        password: str,
        role: str,
        first_name: str,
        last_name: str,
        is_operator: bool = False,
    ) -> UUID:
        """Make an active account with a verified address and return its id; for the command line and tests."""
        ...
