"""What a process needs to draw pages, made once: templates, files, languages of all plugins that are loaded."""

from weakref import WeakKeyDictionary

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from kernel.deployment import Deployment
from plugins.portal.assets import Assets
from plugins.portal.formats import FILTERS
from plugins.portal.languages import Languages


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
            environment = Environment(
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
            self._environments[locale] = environment
        return self._environments[locale]


_SITES: "WeakKeyDictionary[Deployment, Site]" = WeakKeyDictionary()


def site_of(deployment: Deployment) -> Site:
    """Return the pages of a deployment."""
    site = _SITES.get(deployment)
    if site is None:
        site = _SITES[deployment] = Site(deployment)
    return site
