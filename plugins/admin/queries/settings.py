"""The settings of a tenant, by category: those of the kernel, then those of the plugins that act."""

from collections.abc import Collection, Mapping

import msgspec

from kernel.categories import GENERAL, KERNEL_SETTINGS, GeneralSettings
from kernel.choices import shown
from kernel.deployment import Deployment
from kernel.errors import FieldError, Invalid
from kernel.settings import SettingsSpec
from kernel.tenancy import Tenant
from plugins.admin.schemas import SettingsCategory, SettingsForms, Values


def categories(deployment: Deployment, tenant: Tenant) -> Mapping[str, SettingsSpec]:
    """Return the categories that there are for a tenant."""
    ours = {spec.category for spec in KERNEL_SETTINGS}
    return {
        spec.category: spec
        for spec in deployment.registry.settings
        if spec.category in ours or spec.category.partition(".")[0] in tenant.plugins
    }


def settings_of(deployment: Deployment, tenant: Tenant, wanted: Collection[str] = ()) -> Values:
    """Return every value of these categories (of all when none is named), secrets as `***`.

    Raises:
        Invalid: There is no such category.
    """
    specs = categories(deployment, tenant)
    if unknown := [name for name in wanted if name not in specs]:
        raise Invalid(errors=[FieldError("category", f"There is no category {unknown[0]!r}.")])
    return {name: shown(specs[name], tenant.setting(specs[name], specs[name].kind)) for name in wanted or specs}


def public_settings(deployment: Deployment, tenant: Tenant) -> Values:
    """Return what everybody may read: how the school presents itself, and what plugins make public."""
    found: Values = {}
    for name, spec in categories(deployment, tenant).items():
        values = shown(spec, tenant.setting(spec, spec.kind)) if spec.public else {}
        found[name] = {field: values[field] for field in spec.public}
    general = tenant.setting(GENERAL, GeneralSettings)
    found["general"]["name"] = general.name or tenant.name
    return {name: values for name, values in found.items() if values}


def settings_forms(deployment: Deployment, tenant: Tenant) -> SettingsForms:
    """Return what a page needs to draw the forms."""
    return SettingsForms(
        [
            SettingsCategory(
                category=spec.category,
                title=spec.title,
                operator=spec.operator,
                public=spec.public,
                schema=msgspec.json.schema(spec.kind),
            )
            for spec in categories(deployment, tenant).values()
        ]
    )
