"""Decides which kind of picture a file claims to be; whether it is one shows when it is drawn anew (`drawing`)."""

from typing import Final

EXTENSIONS: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
"""Of what is stored; a GIF becomes a PNG."""
WIDTHS: Final = (320, 640)
"""Of thumbnails, in pixels."""
MOST_TALL: Final = 4096
MOST_PIXELS: Final = 40_000_000
NO_PICTURE, TOO_MANY_PIXELS = 2, 3
"""How `drawing` ends; with any other code but 0 by a fault of ours, by a signal because of the picture."""


def is_picture(head: bytes) -> bool:
    """Say whether a file begins as JPEG, PNG, GIF or WebP does."""
    return head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")) or (head[:4], head[8:12]) == (
        b"RIFF",
        b"WEBP",
    )
