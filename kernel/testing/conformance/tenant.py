"""What the parts of a process see of a plugin for a tenant: grants, contributions, mails, personal data, commands."""

from argparse import Namespace
from itertools import count

from msgspec import structs

from kernel.commands import Command
from kernel.db import Db
from kernel.errors import Conflict
from kernel.mail.templates import list_templates
from kernel.operations import run_command
from kernel.personal_data import export_all
from kernel.serve import acting_steps
from kernel.testing.conformance.views import Seen, Thing, View


async def look_at_permissions(view: View) -> Seen:
    """See what each role is granted."""
    seen: Seen = {}
    there = {each.name for each in view.tenant.permissions}
    for each in view.deployment.registry.permissions:
        if (plugin := each.name.partition(".")[0]) != "kernel":
            seen[Thing("permission", each.name, plugin)] = each.name in there
            for role in each.roles:
                seen[Thing("grant", f"{each.name} to {role}", plugin)] = each.name in view.tenant.grants(role)
    return seen


async def look_at_contributions(view: View) -> Seen:
    """See what plugins contribute to each other's hooks."""
    seen: Seen = {}
    registry = view.deployment.registry
    for hook in registry.offered_hooks:
        there = [each.item for each in view.tenant.contributions(hook)]
        for number, each in zip(count(1), registry.contributions(hook), strict=False):
            is_there = any(item is each.item for item in there)
            seen[Thing("contribution", f"{number} to {hook}", each.plugin)] = is_there
    return seen


async def look_at_mail_templates(view: View) -> Seen:
    """See which mails the tenant may word."""
    async with view.school.db() as db:
        there = {each.name for each in await list_templates(db)}
    templates = view.deployment.registry.mail_templates.values()
    return {
        Thing("mail template", each.name, each.plugin): each.name in there
        for each in templates
        if each.plugin != "kernel"
    }


async def look_at_personal_data(view: View) -> Seen:
    """Export what is kept about somebody."""
    if view.user_id is None:
        return {}
    async with view.undone(view.deployment.settings.database_url) as db:
        exported = await export_all(db, view.user_id)
    kinds = view.deployment.registry.personal_data
    return {
        Thing("personal data", each.name, each.plugin): each.name in exported.data
        for each in kinds
        if each.plugin != "kernel"
    }


async def look_at_commands(view: View) -> Seen:
    """Run each command without its effect."""
    registry = view.deployment.registry
    return {
        Thing("command", each.name, registry.command_plugins[each.name]): await _runs(view, each)
        for each in registry.commands
    }


async def _runs(view: View, command: Command) -> bool:
    async def run(db: Db, _options: Namespace) -> str:
        return str(db.tenant_id)

    harmless = structs.replace(command, run=run)
    try:
        return await run_command(view.deployment, harmless, Namespace(tenant=view.tenant.slug)) == str(view.school.id)
    except Conflict:
        return False


async def look_at_demo_steps(view: View) -> Seen:
    """See which steps would make demonstration data."""
    there = acting_steps(view.deployment.registry.demo_steps, view.tenant)
    return {
        Thing("demonstration", each.name, each.plugin): each in there for each in view.deployment.registry.demo_steps
    }
