"""Where a stack keeps its things: data directory, the servers' state, sockets, secrets.

Normally everything but the sockets is in the data directory. When root runs the servers as a user who cannot reach it,
their state is below `/var/lib/collegium`, and a text file in the data directory says where. The sockets are in a
directory with a short name, because the system limits a socket's path to about a hundred bytes.
"""

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from kernel.embedded.account import Account, make_directory, private_directory, servers_account
from kernel.embedded.errors import EmbeddedStackError
from kernel.embedded.programs import SYSTEM_DIRECTORY, system_directory

# Not the temporary directory of the environment: every process that uses a data directory must find the same sockets.
_SOCKETS_PARENT = Path("/") / "tmp"
_POINTER = "servers-are-in.txt"
DEMO_MARKER = "demo"
"""Stands in the data directory of a demonstration, whose keys are the stack's own."""
_OURS = {
    DEMO_MARKER,
    "postgres",
    "valkey",
    "storage",
    "start.lock",
    "users.lock",
    "postgres.log",
    "valkey.log",
    _POINTER,
    "lost+found",
}


@dataclass(frozen=True)
class Place:
    """The directories of one stack and the user that its servers run as."""

    data_dir: Path
    state_dir: Path
    socket_dir: Path
    account: Account

    @property
    def name(self) -> str:
        """What tells this stack's processes from another's: it stands in their command lines."""
        return self.socket_dir.name

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own directory."""
        return self.state_dir / "postgres"

    @property
    def storage_dir(self) -> Path:
        """Where the application's files go."""
        return self.data_dir / "storage"


@dataclass(frozen=True)
class Secrets:
    """What is random for each data directory: the application's key, and the database passwords by short role name."""

    secret_key: str = field(repr=False)
    passwords: dict[str, str] = field(repr=False)


def claim_data_dir(data_dir: Path) -> None:
    """Make the data directory if it is missing."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    # Root's may be entered, so that the servers' user can reach its own directories inside, which are closed.
    make_directory(data_dir, 0o700 if os.geteuid() else 0o711)
    if not data_dir.is_dir():
        raise EmbeddedStackError(f"{data_dir} is not a directory: choose another data directory with --data-dir.")


def settle(data_dir: Path) -> Place:
    """Decide where everything is and make the directories that are missing."""
    _check_is_for_a_stack(data_dir)
    account = servers_account(data_dir / "postgres")
    state_dir = _state_dir(data_dir, account)
    name = f"collegium-{_digest(data_dir)}"
    place = Place(data_dir, state_dir, _SOCKETS_PARENT / name, account)
    private_directory(place.socket_dir, account)
    make_directory(place.storage_dir, 0o700)
    return place


def read_or_make_secrets(place: Place, role_names: tuple[str, ...]) -> Secrets:
    """Return the data directory's secrets, made once."""
    path = place.data_dir / "secrets.json"
    if path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Secrets)
        except msgspec.MsgspecError:
            raise EmbeddedStackError(
                f"{path} is damaged: put it back from a backup, or choose another data directory with --data-dir."
            ) from None
    if place.cluster.exists():
        raise EmbeddedStackError(
            f"{path}, which holds the passwords of the database in {place.cluster}, is missing: put it back from a "
            "backup, or choose another data directory with --data-dir."
        )
    made = Secrets(secrets.token_urlsafe(32), {name: secrets.token_urlsafe(32) for name in role_names})
    write_private(path, msgspec.json.encode(made))
    return made


def delete(place: Place) -> None:
    """Delete everything that a stopped stack has anywhere."""
    for directory in {place.socket_dir, place.state_dir, place.data_dir}:
        shutil.rmtree(directory, ignore_errors=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; it is there whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)


def _check_is_for_a_stack(data_dir: Path) -> None:
    # A data directory may be deleted whole: it must hold nothing that was there before.
    if (data_dir / "secrets.json").exists():
        return
    others = sorted(path.name for path in data_dir.iterdir() if path.name not in _OURS and path.suffix != ".partial")
    if others:
        raise EmbeddedStackError(
            f"{data_dir} holds other things ({others[0]}): choose an empty or new data directory with --data-dir."
        )


def _state_dir(data_dir: Path, account: Account) -> Path:
    pointer = data_dir / _POINTER
    if pointer.exists():
        return _system_state_dir(Path(pointer.read_text().strip()), data_dir)
    if account.reaches(data_dir):
        return data_dir
    if (data_dir / "postgres").exists():
        raise EmbeddedStackError(
            f"User {account.uid}, who runs the servers, cannot reach {data_dir} any more: let everybody enter the "
            "directories above it again (chmod o+x), or choose another one with --data-dir."
        )
    state_dir = system_directory() / _digest(data_dir)
    make_directory(state_dir, 0o711)
    write_private(pointer, f"{state_dir}\n".encode())
    return _system_state_dir(state_dir, data_dir)


def _system_state_dir(state_dir: Path, data_dir: Path) -> Path:
    # The pointer may stand in a directory that somebody else can write: it leads root nowhere but here.
    if os.geteuid() != 0 or state_dir.parent != SYSTEM_DIRECTORY or not state_dir.is_dir() or state_dir.is_symlink():
        raise EmbeddedStackError(
            f"The servers of {data_dir} keep their files in {state_dir}, which cannot be used: run this as root, or "
            "choose another data directory with --data-dir."
        )
    write_private(state_dir / "data-directory.txt", f"{data_dir}\n".encode())
    return state_dir


def _digest(data_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
