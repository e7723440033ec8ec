"""The plugins of the deployment in the eyes of one tenant."""

from collections.abc import Collection

from kernel.auth import Actor
from kernel.deployment import Deployment
from kernel.tenancy import Tenant
from plugins.admin.schemas import PluginCard, PluginList

_SET_ASIDE = "It is not available. The operator knows why."


def plugin_list(deployment: Deployment, tenant: Tenant, actor: Actor) -> PluginList:
    """Return every plugin, whether it acts and if not why; why one is set aside is for operators alone."""
    return PluginList(cards_for(deployment, tenant.listed, is_operator=actor.is_operator))


def plugin_titles(deployment: Deployment) -> dict[str, str]:
    """Return what each plugin is called on pages, and what comes from none of them."""
    return {each.name: each.manifest.shown for each in deployment.registry.plugins} | {"kernel": "System"}


def cards_for(deployment: Deployment, listed: Collection[str] | None, *, is_operator: bool) -> list[PluginCard]:
    """Return every plugin as it stands for a tenant that lists these; None lists all."""
    acting = deployment.registry.acting(listed)
    loaded = [
        PluginCard(
            name=each.name,
            title=each.manifest.shown,
            version=each.manifest.version,
            summary=each.manifest.summary,
            requires=each.manifest.requires,
            essential=each.manifest.essential,
            state="acts" if each.name in acting else "off",
            reason=deployment.registry.why(listed, each.name),
        )
        for each in deployment.registry.well
    ]
    aside = [
        PluginCard(
            name=name,
            title=name.capitalize(),
            version="",
            summary="",
            requires=(),
            essential=False,
            state="set_aside",
            reason=reason if is_operator else _SET_ASIDE,
        )
        for name, reason in deployment.set_aside.items()
    ]
    return sorted([*loaded, *aside], key=lambda card: card.name)
