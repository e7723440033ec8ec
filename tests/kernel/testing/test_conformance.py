"""The conformance suite: it passes what conforms, and sees each thing that stays behind."""

from argparse import Namespace
from typing import Any

import pytest

from kernel import hookspecs
from kernel.auth import Actor
from kernel.db import Db
from kernel.errors import Conflict, NotFound
from kernel.events import Listeners
from kernel.operations import run_command
from kernel.personal_data import PersonalData
from kernel.tasks import Task
from kernel.tenancy import Tenant
from kernel.testing import App, AppFactory, check_conformance
from kernel.testing.conformance import LOOKS, NOTHING_TO_SEE
from polls import plugin as polls
from polls.api import BallotRule
from tests.kernel.fakes import fake


async def admits(_db: Db, _actor: Actor, _poll_id: Any) -> bool:
    """Admit everybody."""
    return True


@pytest.fixture(scope="session")
async def app(app_with: AppFactory) -> App:
    """Polls, which use every hook, what they require, and somebody who contributes to them."""
    rules = [BallotRule("quorum.all", "Nobody.", admits)]
    return await app_with(polls, fake("quorum", needs=["polls"], register_ballot_rules=rules))


async def test_each_plugin_conforms(app: App) -> None:
    assert await check_conformance(app) == ["auth", "polls", "quorum"]


async def test_each_thing_that_stays_behind_is_told(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = app.deployment.registry
    everything = frozenset(plugin.name for plugin in registry.plugins)
    monkeypatch.setattr("kernel.door.PluginNotEnabled", NotFound)
    monkeypatch.setattr("kernel.reader.visible", lambda document, _tenant: document)
    monkeypatch.setattr(Tenant, "permissions", registry.permissions)
    monkeypatch.setattr(Tenant, "grants", lambda _tenant, _role: {each.name: "any" for each in registry.permissions})
    monkeypatch.setattr(Tenant, "contributions", lambda _tenant, hook: registry.contributions(hook))
    acting = Listeners.acting
    monkeypatch.setattr(Listeners, "acting", lambda self, event, _plugins: acting(self, event, everything))
    monkeypatch.setattr(Task, "acts_among", lambda _task, _plugins: True)
    monkeypatch.setattr(PersonalData, "acts", lambda _kind, _db: True)
    monkeypatch.setattr("kernel.mail.templates.acts", lambda _template, _tenant: True)
    monkeypatch.setattr("kernel.testing.conformance.tenant.acting_steps", lambda steps, _tenant: steps)

    with pytest.raises(AssertionError) as failure:
        await check_conformance(app, "polls")

    left = {line.partition(" ")[0] for line in str(failure.value).splitlines() if "with polls switched off" in line}
    looked_at = {
        "route",
        "operation",
        "permission",
        "grant",
        "capability",
        "contribution",
        "listener",
        "task",
        "schedule",
    }
    assert left == looked_at | {"personal", "mail", "demonstration"}


async def test_command_of_a_plugin_that_does_not_act_is_refused_with_the_reason(app: App) -> None:
    school = await app.school(plugins=["auth"])
    [command] = [each for each in app.deployment.registry.commands if each.name == "polls close-overdue"]

    with pytest.raises(Conflict, match=r"^polls is not switched on for this tenant\.$"):
        await run_command(app.deployment, command, Namespace(tenant=school.tenant.slug))


async def test_hook_that_nobody_looks_at_fails_the_suite(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hookspecs, "register_flags", hookspecs.register_routes, raising=False)

    with pytest.raises(AssertionError, match=r"^Nobody looks at what is registered by register_flags\.$"):
        await check_conformance(app)
    assert LOOKS.keys() & NOTHING_TO_SEE.keys() == set()
