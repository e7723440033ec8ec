"""What PostgreSQL does not let us do: which of the driver's errors mean what, and what a caller is told then.

Who catches them, and whether there is a second try, is decided in `kernel.db`.
"""

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from kernel.errors import Unavailable

SERVER_ENDED = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    # From a connection that has read the server's last word and not yet the end of the stream.
    asyncpg.InternalClientError,
)
LOST_CONNECTION = (*SERVER_ENDED, asyncpg.InterfaceError, OSError)
CANNOT_CONNECT = (*LOST_CONNECTION, asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, SQLAlchemyError)
LOST_RACE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)


class DatabaseUnavailable(Unavailable):
    """PostgreSQL does not answer."""

    code = "kernel.database_unavailable"
    title = "The database does not answer. Try again in a moment."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


class OutcomeUnknown(Unavailable):
    """The connection broke while committing, so the change may or may not have happened."""

    code = "kernel.outcome_unknown"
    title = "The outcome is unknown. Repeat the request with the same Idempotency-Key."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "2"})


class Contended(Unavailable):
    """The transaction lost a race for the same rows, again and again."""

    code = "kernel.contended"
    title = "Too many change the same thing right now. Try again in a moment."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})
