"""A real read replica: a copy of a stack's PostgreSQL that follows it by streaming."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernel.embedded import Stack
from kernel.embedded.account import private_directory
from kernel.embedded.place import claim_data_dir, delete, settle
from kernel.embedded.postgres import Postgres
from kernel.embedded.programs import find_programs
from kernel.embedded.server import stop


class Standby(Postgres):
    """A PostgreSQL that replays another's log."""

    def copy(self, primary: Stack) -> None:
        """Make the cluster from a base backup of the primary."""
        private_directory(self.directory, self.place.account)
        self.run(
            [
                os.fspath(self._programs.postgres_bin / "pg_basebackup"),
                f"--pgdata={self.directory}",
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                f"--dbname={primary.database_urls['superuser'].replace('+asyncpg', '')}",
            ],
            cwd=self.place.state_dir,
            failure="The base backup failed",
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.ensure_launched(alone=True)
        self.wait_until_ready()

    def stop(self) -> None:
        """Stop it."""
        stop([self])

    def url(self, primary_url: str) -> str:
        """Return the address that leads here instead of to the primary."""
        before, _, _ = primary_url.partition("?")
        return f"{before}?host={self.place.socket_dir}&port=5432"


@contextmanager
def standby_of(primary: Stack, data_dir: Path) -> Iterator[Standby]:
    """Give a replica that follows the stack."""
    claim_data_dir(data_dir)
    place = settle(data_dir)
    standby = Standby(place, find_programs(place.account, print))
    try:
        standby.copy(primary)
        standby.start()
        yield standby
    finally:
        standby.stop()
        delete(place)
