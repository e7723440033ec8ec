"""The one error of the embedded stack; its text is for whoever typed the command."""

from pathlib import Path


class EmbeddedStackError(Exception):
    """The stack cannot run; `str()` is one sentence that says what to do."""


def not_usable(path: Path, cause: OSError) -> EmbeddedStackError:
    """Return the error for a file or directory that the operating system refused."""
    reason = cause.strerror or str(cause)
    where = cause.filename or path
    return EmbeddedStackError(
        f"The data directory {path} cannot be used ({where}: {reason}): make it writable for this user, free some "
        "space, or choose another one with --data-dir."
    )
