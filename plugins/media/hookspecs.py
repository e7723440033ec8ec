"""The hook that media offers to other plugins."""

from collections.abc import Sequence

from kernel.hookspecs import hookspec
from plugins.media.file_uses import FileUse


@hookspec
def register_file_uses() -> Sequence[FileUse]:  # type: ignore[empty-body]
    """Return in what ways the plugin uses files, so that none is deleted that it needs, also where it is off."""
