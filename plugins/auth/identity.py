"""What the kernel asks of whoever keeps accounts (`kernel.identity`), answered."""

from uuid import UUID

from kernel.db import Db
from kernel.identity import SessionState
from kernel.tenancy import Tenant
from plugins.auth.actions import new_accounts
from plugins.auth.queries import sessions
from plugins.auth.settings import SETTINGS, AuthSettings


class Accounts:
    """The identity plugin of a deployment."""

    async def session_state(self, db: Db, session_id: UUID) -> SessionState | None:
        """Return the session if it lives and its user may sign in."""
        return await sessions.session_state(db, session_id)

    def is_restricted(self, tenant: Tenant, session: SessionState) -> bool:
        """Whether the tenant asks this role for a second factor that the session has not proved."""
        return not session.second_factor and session.role in tenant.setting(SETTINGS, AuthSettings).mfa_required_for

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
        """Make an active account with a verified address and return its id."""
        return await new_accounts.create_user(
            db,
            email=email,
            password=password,
            role=role,
            first_name=first_name,
            last_name=last_name,
            is_operator=is_operator,
        )
