"""What the kernel asks of the plugin that keeps accounts: find a session, make the first account."""

from typing import Protocol
from uuid import UUID

import msgspec

from kernel.db import Db


class SessionState(msgspec.Struct, frozen=True):
    """A living session: whose, in which role. Kept in Redis and, for when Redis has lost it, in PostgreSQL."""

    user_id: UUID
    role: str
    is_operator: bool = False


class Identity(Protocol):
    """Implemented by the one plugin that keeps accounts."""

    async def session_state(self, db: Db, session_id: UUID) -> SessionState | None:
        """Return the session if it lives and its user may sign in; None otherwise. One indexed read."""
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
