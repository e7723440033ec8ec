"""What a process needs to draw pages, made once: templates, files, languages of all plugins that are loaded."""

import unicodedata
from collections.abc import Callable
from typing import Any, cast
from weakref import WeakKeyDictionary

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context

from kernel.deployment import Deployment
from plugins.portal.assets import Assets
from plugins.portal.compiling import PageEnvironment
from plugins.portal.formats import FILTERS
from plugins.portal.languages import Languages, direction

_ISOLATE, _END = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


class Site:
    """The pages of a deployment.

    Args:
        deployment: Whose plugins.
    """

    def __init__(self, deployment: Deployment) -> None:
        folders = [(plugin.name, plugin.folder) for plugin in deployment.registry.well]
        self.assets = Assets(folders)
        self.languages = Languages(folders)
        self._loader = PrefixLoader({name: FileSystemLoader(folder / "templates") for name, folder in folders})
        self._environments: dict[str, Environment] = {}

    def environment(self, locale: str) -> Environment:
        """Return the templates in a language; a value that is not there is an error, and every text is escaped."""
        if locale not in self._environments:
            environment = PageEnvironment(
                loader=self._loader,
                autoescape=True,
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                auto_reload=False,
                extensions=["jinja2.ext.i18n"],
            )
            environment.filters.update(FILTERS)
            texts = self.languages.catalogue(locale)
            environment.globals.update(asset=self.assets.address, locale=locale, texts=texts)
            environment.install_gettext_translations(texts, newstyle=True)  # type: ignore[attr-defined]
            if direction(locale) == "rtl":
                for name in ("gettext", "ngettext"):
                    environment.globals[name] = _isolating(cast("Callable[..., str]", environment.globals[name]))
            self._environments[locale] = environment
        return self._environments[locale]


def _isolating(say: Callable[..., str]) -> Callable[..., str]:
    """Return a function that fills in texts as another does, each value that runs left to right as a run of its own.

    Else the quotation marks around a Latin title would stand inside it in a sentence that runs from right to left.
    """

    @pass_context
    def said(*given: Any, **values: Any) -> str:
        return say(*given, **{name: _isolated(value) for name, value in values.items()})

    return said


def _isolated(value: Any) -> Any:
    if not isinstance(value, str) or not any(unicodedata.bidirectional(letter) == "L" for letter in value):
        return value
    return type(value)(f"{_ISOLATE}{value}{_END}")


_SITES: "WeakKeyDictionary[Deployment, Site]" = WeakKeyDictionary()


def site_of(deployment: Deployment) -> Site:
    """Return the pages of a deployment."""
    site = _SITES.get(deployment)
    if site is None:
        site = _SITES[deployment] = Site(deployment)
    return site
