"""What other plugins tell people of who may not want to hear it."""

from msgspec import Struct


class NotificationKind(Struct, frozen=True, kw_only=True):
    """Something that people are told of, and may choose not to be.

    What concerns the safety of an account is no kind: it is always mailed.

    Args:
        name: Dotted, `plugin.what`; that of the mail template by which it is told.
        title: What it is about, as the page of preferences says it.
    """

    name: str
    title: str
