"""The hooks that media offers to other plugins."""

from collections.abc import Sequence

from kernel.hookspecs import hookspec
from plugins.media.file_uses import FileUse
from plugins.media.showing import VideoShow


@hookspec
def register_file_uses() -> Sequence[FileUse]:  # type: ignore[empty-body]
    """Return in what ways the plugin uses files, so that none is deleted that it needs, also where it is off."""


@hookspec
def register_video_shows() -> Sequence[VideoShow]:  # type: ignore[empty-body]
    """Return where videos are shown; a key is handed out while one of these lets its reader watch."""
