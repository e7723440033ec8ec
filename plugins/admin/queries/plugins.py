"""The plugins of the deployment in the eyes of one tenant."""

from kernel.auth import Actor
from kernel.deployment import Deployment
from kernel.tenancy import Tenant
from plugins.admin.schemas import PluginCard, PluginList

_SET_ASIDE = "It is not available. The operator knows why."


def plugin_list(deployment: Deployment, tenant: Tenant, actor: Actor) -> PluginList:
    """Return every plugin, whether it acts and if not why; why one is set aside is for operators alone."""
    loaded = [
        PluginCard(
            name=each.name,
            version=each.manifest.version,
            summary=each.manifest.summary,
            requires=each.manifest.requires,
            essential=each.manifest.essential,
            state="acts" if each.name in tenant.plugins else "off",
            reason=deployment.registry.why(tenant.listed, each.name),
        )
        for each in deployment.registry.well
    ]
    aside = [
        PluginCard(
            name=name,
            version="",
            summary="",
            requires=(),
            essential=False,
            state="set_aside",
            reason=reason if actor.is_operator else _SET_ASIDE,
        )
        for name, reason in deployment.set_aside.items()
    ]
    return PluginList(sorted([*loaded, *aside], key=lambda card: card.name))
