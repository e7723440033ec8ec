"""Languages by the names that they have in themselves."""

from babel import Locale, UnknownLocaleError


def own_name(locale: str) -> str:
    """Return the name that a language has in itself; its code where nobody knows it."""
    try:
        return (Locale.parse(locale, sep="-").get_display_name() or locale).capitalize()
    except (ValueError, UnknownLocaleError):
        return locale
