"""In which language a page speaks, and its texts: every plugin's folder `translations`, one `.po` for each language.

English stands in the code and the templates. Catalogues are compiled to memory when a process first draws a page.
"""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

SOURCE = "en"


class Languages:
    """The languages of a deployment.

    Args:
        folders: Each plugin's name and folder.
    """

    def __init__(self, folders: Iterable[tuple[str, Path]]) -> None:
        self.catalogues: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
        for _, folder in folders:
            for file in sorted((folder / "translations").glob("*.po")):
                self._add(file)

    def _add(self, file: Path) -> None:
        compiled = io.BytesIO()
        write_mo(compiled, read_po(io.BytesIO(file.read_bytes()), locale=file.stem))
        compiled.seek(0)
        catalogue = Translations(compiled)
        known = self.catalogues.get(file.stem)
        if isinstance(known, Translations):
            known.merge(catalogue)
        else:
            self.catalogues[file.stem] = catalogue

    def spoken(self, locales: Iterable[str]) -> Sequence[str]:
        """Return those of a tenant's languages in which pages can speak; English if there is none."""
        return [each for each in locales if _language(each) in self.catalogues] or [SOURCE]

    def catalogue(self, locale: str) -> NullTranslations:
        """Return the texts of a language."""
        return self.catalogues[_language(locale)]


def preferred(accept_language: str, spoken: Sequence[str]) -> str | None:
    """Return the language that a browser likes best among those spoken.

    Args:
        accept_language: The header, as sent by anybody.
        spoken: By the pages of this tenant.
    """
    wanted: list[tuple[float, str]] = []
    for part in accept_language[:500].split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((float(quality) if quality else 1.0, name))
        except ValueError:
            continue
    for _, name in sorted(wanted, key=lambda each: -each[0]):
        for locale in spoken:
            if locale.lower() == name.lower() or _language(locale) == _language(name):
                return locale
    return None


def direction(locale: str) -> str:
    """Return `rtl` or `ltr`."""
    return str(Locale.parse(locale, sep="-").text_direction)


def _language(locale: str) -> str:
    return locale.partition("-")[0].lower()
