"""Which operating system user the servers run as, and what that user can reach.

PostgreSQL refuses to run as root, so root lends the servers to `nobody`, who may not see everything that root sees.
Where the servers keep their files in that case is decided in `place`.
"""

import os
import pwd
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernel.embedded.errors import EmbeddedStackError


@dataclass(frozen=True)
class Account:
    """The user that the servers run as."""

    uid: int
    gid: int

    @property
    def is_another(self) -> bool:
        """Whether it is a user other than the one who runs this process."""
        return self.uid != os.geteuid()

    def reaches(self, path: Path) -> bool:
        """Return whether this user can enter every directory down to `path`, and run or enter `path` itself."""
        return not self.is_another or all(self._enters(directory) for directory in (path, *path.parents))

    def _enters(self, path: Path) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == self.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        return bool(status.st_mode & needed)


def servers_account(cluster: Path) -> Account:
    """Return the user for the servers: ourselves, or for root whoever owns the cluster already, or `nobody`."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    if cluster.exists() and cluster.stat().st_uid != 0:
        status = cluster.stat()
        return Account(status.st_uid, status.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedStackError(
            "PostgreSQL does not run as root and this system has no user named nobody: run this as a plain user."
        ) from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def make_directory(path: Path, mode: int) -> None:
    """Make a directory with this mode, whatever the umask; one that exists keeps its own."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(mode)


def private_directory(path: Path, account: Account) -> None:
    """Make a directory that only `account` can enter, or check that the one in place is such a directory."""
    make_directory(path, 0o700)
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() != account.uid:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
        status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid or status.st_mode & 0o077:
        raise EmbeddedStackError(
            f"{path} is not a directory that belongs to user {account.uid} alone (mode 0700): look at who made it, "
            "then remove it."
        )
