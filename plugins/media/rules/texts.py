"""Decides whether a file is text that no browser would take for a page: UTF-8, without NUL, no HTML, no XML."""

import re
from typing import Final

TEXT: Final = "text/plain"
# Stricter than https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type, which names tags.
_MARKUP: Final = re.compile(rb"(?:\xef\xbb\xbf)?[\x00-\x20]*<[A-Za-z!?/]")
# What text never has; tabs, line ends, form feeds and escapes are met in real files.
_NEVER: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def is_markup(head: bytes) -> bool:
    """Say whether a file begins as HTML, SVG or other XML does."""
    return _MARKUP.match(head) is not None


def is_text(chunk: bytes) -> bool:
    """Say whether these bytes may stand in a text; whether they are UTF-8 is another question."""
    return _NEVER.search(chunk) is None
