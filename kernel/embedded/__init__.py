"""The embedded stack: PostgreSQL and Valkey for a machine that has neither, as child processes of ours.

The stack belongs to its data directory. The first process that uses it starts the servers, others join, and the last
one to leave stops them. Servers that outlive a killed process are adopted by the next. Production uses none of this.

Elsewhere in this package: `place` (which directories), `account` and `programs` (root and `nobody`), `lock` (who uses
it), `server`, `postgres`, `valkey` (the processes), `bootstrap` (database and roles), `signals` (how a user ends).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kernel.embedded.bootstrap import database_urls, ensure_database
from kernel.embedded.errors import EmbeddedStackError, not_usable
from kernel.embedded.lock import Users, start_lock
from kernel.embedded.place import DEMO_MARKER, delete, read_or_make_secrets, settle
from kernel.embedded.postgres import Postgres
from kernel.embedded.programs import find_programs
from kernel.embedded.server import Server, stop
from kernel.embedded.signals import signals_held, termination_as_exit
from kernel.embedded.valkey import Valkey
from kernel.roles import ROLE_NAMES

__all__ = ["DEMO_MARKER", "EmbeddedStackError", "Stack", "discard_stack", "running_stack"]


@dataclass(frozen=True)
class Stack:
    """A running stack's addresses and secrets.

    Attributes:
        database_urls: By role: `superuser`, `owner`, `operator`, `worker`, `app`; for SQLAlchemy, and for asyncpg after
            `+asyncpg` is taken out.
        redis_url: Valkey's socket.
        storage_dir: Where files go.
        secret_key: Random, made once for the data directory.
        data_dir: The full path.
    """

    database_urls: Mapping[str, str] = field(repr=False)
    redis_url: str
    storage_dir: Path
    secret_key: str = field(repr=False)
    data_dir: Path


@contextmanager
def running_stack(
    data_dir: Path, *, on_progress: Callable[[str], None] = lambda _: None, temporary: bool = False
) -> Iterator[Stack]:
    """Run the stack of a data directory, or join it, for as long as the block lasts.

    Call it where no event loop runs. In the main thread SIGTERM and SIGHUP become an exit meanwhile, unless they have
    handlers.

    Args:
        data_dir: Made if it is missing.
        on_progress: Gets a few words before each thing that takes time.
        temporary: Delete the data directory if this process is the last one that uses it.

    Raises:
        EmbeddedStackError: It cannot run; the text says what to do.
    """
    data_dir = data_dir.expanduser().resolve()
    users = Users(data_dir)
    servers: list[Server] = []
    with termination_as_exit():
        try:
            with _refusals_explained(data_dir), start_lock(data_dir):
                stack = _start(data_dir, users, servers, on_progress)
            yield stack
        finally:
            if users.joined:
                with signals_held(), _refusals_explained(data_dir), start_lock(data_dir):
                    if users.leave():
                        on_progress("Stopping PostgreSQL and Valkey")
                        _end(servers, temporary=temporary)


def discard_stack(data_dir: Path) -> None:
    """Delete a data directory and what its servers keep elsewhere, after ending servers that nobody uses.

    Raises:
        EmbeddedStackError: A process uses it.
    """
    data_dir = data_dir.expanduser().resolve()
    if not data_dir.exists():
        return
    with _refusals_explained(data_dir), start_lock(data_dir):
        users = Users(data_dir)
        users.join()
        if not users.leave():
            raise EmbeddedStackError(f"{data_dir} is in use: stop the processes that use it, then try again.")
        place = settle(data_dir)
        programs = find_programs(place.account, lambda _: None)
        _end([Postgres(place, programs), Valkey(place, programs)], temporary=True)


def _start(data_dir: Path, users: Users, servers: list[Server], on_progress: Callable[[str], None]) -> Stack:
    alone = users.join()
    place = settle(data_dir)
    programs = find_programs(place.account, on_progress)
    postgres, valkey = Postgres(place, programs), Valkey(place, programs)
    servers += [postgres, valkey]
    postgres.check_version()
    secrets = read_or_make_secrets(place, ("superuser", *ROLE_NAMES))
    valkey.ensure_directory()
    valkey.ensure_launched(alone=alone)
    postgres.ensure_cluster(secrets.passwords["superuser"], on_progress)
    on_progress("Starting PostgreSQL and Valkey" if alone else "Joining PostgreSQL and Valkey")
    postgres.ensure_launched(alone=alone)
    for server in servers:
        server.wait_until_ready()
    ensure_database(place.socket_dir, secrets)
    return Stack(
        database_urls=database_urls(place.socket_dir, secrets),
        redis_url=f"unix://{valkey.socket_path}",
        storage_dir=place.storage_dir,
        secret_key=secrets.secret_key,
        data_dir=data_dir,
    )


def _end(servers: Sequence[Server], *, temporary: bool) -> None:
    stop(servers)
    for place in {server.place for server in servers}:
        if temporary:
            delete(place)
        with suppress(OSError):
            place.socket_dir.rmdir()


@contextmanager
def _refusals_explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise not_usable(data_dir, error) from error
