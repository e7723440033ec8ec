"""The hooks that auth offers to other plugins."""

from collections.abc import Sequence

from kernel.hookspecs import hookspec
from plugins.auth.file_sections import FileSection
from plugins.auth.notification_kinds import NotificationKind


@hookspec
def register_file_sections() -> Sequence[FileSection]:  # type: ignore[empty-body]
    """Return parts of the file of a student or instructor; where the plugin does not act, its parts are not there."""


@hookspec
def register_notification_kinds() -> Sequence[NotificationKind]:  # type: ignore[empty-body]
    """Return what people are told of by `auth.api.tell` and may choose not to be."""
