"""What makes polls the example to copy: every kind of hook, public names alone, a schema that is sound.

Its behaviour is tested beside it, as an author would: `tests/sample_plugin/polls_tests`.
"""

import re
from pathlib import Path

import asyncpg
import pytest

from kernel import PUBLIC, hookspecs
from kernel.catalogue import catalogue_problems
from kernel.drift import drift
from kernel.migrate import downgrade, upgrade
from kernel.plugin import LoadedPlugin
from kernel.plugin_checks.imports import import_problems, imports_of
from kernel.revisions import MigrationChain
from kernel.testing import App, AppFactory
from polls import plugin

SAMPLE = Path(plugin.__file__).parents[1]
ONE_OF_A_DEPLOYMENT = {"register_identity", "register_problem_page"}
"""Hooks of which a deployment has one implementation, those of auth and of the portal."""


def test_sample_uses_every_hook_of_the_kernel() -> None:
    hooks = {name for name, value in vars(hookspecs).items() if hasattr(value, f"{hookspecs.PROJECT}_spec")}
    used = {name for name, value in vars(plugin).items() if hasattr(value, f"{hookspecs.PROJECT}_impl")}

    assert len(hooks) > 10
    assert hooks - used == ONE_OF_A_DEPLOYMENT


def test_sample_offers_and_uses_hooks_of_plugins(app: App) -> None:
    registry = app.deployment.registry

    assert "polls" in set(registry.offered_hooks.values())
    others = [hook for hook, plugin in registry.offered_hooks.items() if plugin != "polls"]
    assert "polls" in {each.plugin for hook in others for each in registry.contributions(hook)}


def test_sample_registers_something_by_every_hook(app: App) -> None:
    registry = app.deployment.registry
    lists = {
        name: [item for item in value if getattr(item, "name", getattr(item, "category", "")).startswith("polls")]
        for name, value in vars(registry).items()
        if isinstance(value, tuple) and name != "plugins"
    }

    assert {name for name, items in lists.items() if not items} == set()
    assert all("polls" in each for each in (registry.routes, registry.root_routes, registry.rebuilds))


def test_sample_imports_what_an_author_may() -> None:
    assert import_problems(LoadedPlugin(plugin.PLUGIN, plugin), {"plugins.auth": "auth"}) == []


def test_tests_of_the_sample_import_public_names_alone() -> None:
    private = {
        f"{each.file.relative_to(SAMPLE)}: {each.whole}"
        for each in imports_of(SAMPLE / "polls_tests", "polls_tests")
        if each.module.partition(".")[0] == "kernel"
        and each.whole not in PUBLIC
        and not (each.module in PUBLIC and (not each.name or each.name in PUBLIC[each.module]))
    }

    assert private == set()


def test_page_of_the_sample_names_every_file_permission_error_and_event(app: App) -> None:
    page = (SAMPLE / "README.md").read_text()
    registry = app.deployment.registry
    names = {each.name for each in registry.permissions} | {each.name for each in registry.events}
    names = {name for name in names if name.startswith("polls.")}
    errors = set(re.findall(r'code = "(polls\.[a-z_]+)"', (SAMPLE / "polls" / "errors.py").read_text()))

    assert {name for name in names | errors if f"`{name}`" not in page} == set()


_TABLES = """
    SELECT count(*) FROM pg_class
    WHERE relnamespace = 'polls'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""


@pytest.fixture(scope="module")
async def app(app_with: AppFactory) -> App:
    """Polls and what they require."""
    return await app_with(plugin)


async def test_schema_of_the_sample_is_sound_as_declared_and_can_be_taken_back(app_with: AppFactory) -> None:
    # Settings of its own: nobody else's database loses the tables.
    app = await app_with(plugin, default_tenant="elsewhere")
    url = app.deployment.settings.owner_database_url
    chain = MigrationChain("polls", SAMPLE / "polls" / "migrations")

    assert await drift(url, [chain]) == []
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        assert await catalogue_problems(connection) == []
        await downgrade(url, chain)
        assert await connection.fetchval(_TABLES) == 0
        await upgrade(url, [chain])
    finally:
        await connection.close()
    assert await drift(url, [chain]) == []
