"""Languages by the names that they have in themselves, as whoever chooses one reads them."""

from babel import Locale, UnknownLocaleError


def own_name(code: str) -> str:
    """Return the name that a language has in itself, such as `Deutsch` for `de`; its code where nobody knows it."""
    try:
        return (Locale.parse(code, sep="-").get_display_name() or code).capitalize()
    except (UnknownLocaleError, ValueError):
        return code
