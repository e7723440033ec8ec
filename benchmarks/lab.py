"""Where a run takes place: a stack of its own in a temporary directory, migrated, and gone afterwards."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kernel import operations
from kernel.embedded import running_stack
from kernel.observability import configure_logging
from kernel.settings import Settings


@contextmanager
def running_lab(folder: Path, tell: Callable[[str], None]) -> Iterator[Settings]:
    """Run the stack and give the settings of a server on it: everything on, background work elsewhere."""
    with running_stack(folder / "stack", on_progress=tell, temporary=True) as stack:
        urls = stack.database_urls
        settings = Settings(
            database_url=urls["app"],
            worker_database_url=urls["worker"],
            operator_database_url=urls["operator"],
            owner_database_url=urls["owner"],
            redis_url=stack.redis_url,
            storage_url=stack.storage_dir.resolve().as_uri(),
            secret_keys=(secrets.token_urlsafe(48),),
            embedded_worker=False,
            # Nobody measures how passwords are hashed here, and the students must all sign in first.
            password_hash_cost=4,
            log_format="json",
        )
        # The servers log as ever; what this process asks of ours to get ready would only be in the way.
        configure_logging(msgspec.structs.replace(settings, log_level="error"))
        tell("Migrating")
        asyncio.run(operations.migrate(settings))
        yield settings
