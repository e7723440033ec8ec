"""The hooks that auth offers to other plugins."""

from collections.abc import Sequence

from kernel.hookspecs import hookspec
from plugins.auth.file_sections import FileSection


@hookspec
def register_file_sections() -> Sequence[FileSection]:  # type: ignore[empty-body]
    """Return parts of the file of a student or instructor; where the plugin does not act, its parts are not there."""
