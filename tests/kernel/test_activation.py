"""Switching plugins for a tenant: what is told beforehand, what is written, what counts anew, who hears of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from kernel.activation import PluginEssential, PluginNotLoaded, Switch, preview, switch
from kernel.db import Db
from kernel.embedded import Stack
from kernel.errors import Invalid, NotFound
from kernel.gate import Gate, version_key
from kernel.ids import new_id
from kernel.registry import load_registry
from kernel.settings import Settings
from kernel.testing import School
from tests.kernel.conftest import Process, process
from tests.kernel.fakes import fake, refusal
from tests.kernel.probe.background import Stage, background_settings, staged, until, working

REGISTRY, _ = load_registry(
    [fake("auth"), fake("media", needs=["auth"]), fake("courses", needs=["media"]), fake("codes", needs=["courses"])]
)
ALL = ["auth", "media", "courses", "codes"]


# --- the preview -----------------------------------------------------------------------------------------------------


def test_preview_tells_what_turns_off_with_it_and_why() -> None:
    change = preview(REGISTRY, None, ["auth", "courses", "codes"])

    assert (change.on, change.off, change.idle) == ((), ("codes", "courses", "media"), ())
    assert change.reasons == {
        "media": "media is not switched on for this tenant.",
        "courses": "courses does not act because it requires media: media is not switched on for this tenant.",
        "codes": "codes does not act because it requires courses: courses does not act because it requires media: "
        "media is not switched on for this tenant.",
    }


def test_preview_tells_what_turns_on_with_it() -> None:
    change = preview(REGISTRY, ["auth", "courses", "codes"], ALL)

    assert (change.on, change.off) == (("media", "courses", "codes"), ())
    assert change.reasons == {
        "media": "media is switched on.",
        "courses": "courses was switched on already; now all that it requires acts.",
        "codes": "codes was switched on already; now all that it requires acts.",
    }


def test_preview_tells_what_does_not_act_although_it_is_switched_on() -> None:
    change = preview(REGISTRY, ["auth"], ["auth", "codes", "courses"])

    assert (change.on, change.off, change.idle) == ((), (), ("codes", "courses"))
    assert change.reasons["courses"] == (
        "courses does not act because it requires media: media is not switched on for this tenant."
    )


def test_preview_of_no_change_is_empty() -> None:
    assert preview(REGISTRY, ["auth"], ["auth"]) == Switch(("auth",))
    assert preview(REGISTRY, None, None) == Switch(None)
    assert preview(REGISTRY, ["gone"], ["auth", "gone"]) == Switch(
        ("auth", "gone"), on=("auth",), reasons={"auth": "auth is switched on."}
    )


# --- the switch ------------------------------------------------------------------------------------------------------

STORED = text("SELECT array_to_string(plugins, ',') || ' ' || version FROM kernel.tenants WHERE id = :id").columns()
NOTES = text("""
    SELECT action || ' ' || coalesce(old_values ->> 'plugins', 'all') || ' ' || (new_values ->> 'plugins') || ' ' ||
           user_id || ' ' || request_id
    FROM kernel.audit_logs WHERE tenant_id = :id ORDER BY created_at, id
""").columns()


@pytest.fixture(scope="module")
async def own_settings(stack: Stack, settings: Settings) -> Settings:
    return await background_settings(stack, settings)


@pytest.fixture
async def stage(own_settings: Settings) -> AsyncIterator[Stage]:
    async with staged(own_settings) as stage:
        yield stage


async def switched(stage: Stage, *, then: Callable[[Db], Awaitable[None]] | None = None, **options: Any) -> Switch:
    """Switch plugins of the stage's tenant as an operator does, and learn of it."""
    async with stage.deployment.operator_session(None, "test") as db:
        change = await switch(db, stage.tenant.id, **options)
        if then is not None:
            await then(db)
    stage.tenant = await stage.deployment.tenants.by_id(stage.tenant.id, version=stage.tenant.version + 1)
    return change


async def test_switching_on_counts_anew_at_once_and_once_more_later(stage: Stage) -> None:
    assert (await switched(stage, disable=["probe"])).off == ("probe",)
    assert await stage.jobs() == []

    assert (await switched(stage, enable=["probe"])).on == ("probe",)
    waiting = await stage.jobs("entrypoint, execute_after > now()")
    async with working(stage):
        await until(lambda: _has_traces(stage, 1))
        later = await stage.jobs("entrypoint, status")
        await stage.make_due()
        await until(lambda: _has_traces(stage, 2))

    assert sorted(waiting) == [("probe.rebuild", False), ("probe.rebuild", True)]
    assert later == [("probe.rebuild", "queued")]
    assert await stage.traces() == [("rebuild", "all")] * 2


async def _has_traces(stage: Stage, count: int) -> bool:
    return len(await stage.traces()) == count


async def test_rebuild_of_a_plugin_that_is_off_again_waits(stage: Stage) -> None:
    await switched(stage, disable=["probe"])
    await switched(stage, enable=["probe"])
    await switched(stage, disable=["probe"])
    await stage.make_due()

    async with working(stage):
        await until(lambda: _all_put_off(stage))
        waiting = await stage.jobs()
        await switched(stage, enable=["probe"])
        await stage.make_due()
        await until(lambda: _has_traces(stage, 4))

    assert waiting == [("probe.rebuild", "queued", 0)] * 2


async def _all_put_off(stage: Stage) -> bool:
    return await stage.jobs("status, execute_after > now()") == [("queued", True)] * 2


async def test_switch_that_fails_leaves_no_job_and_no_change(stage: Stage) -> None:
    await switched(stage, disable=["probe"])

    async def fail(_db: Db) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await switched(stage, enable=["probe"], then=fail)

    assert await stage.jobs() == []
    assert await _asked(stage, STORED) == [" 2"]


async def _asked(stage: Stage, question: Any) -> list[Any]:
    async with stage.deployment.operator_session(None, "test") as db:
        return await db.values(question, id=stage.tenant.id)


async def test_dry_run_and_a_change_of_nothing_write_nothing(stage: Stage) -> None:
    async with stage.deployment.operator_session(None, "test") as db:
        tried = await switch(db, stage.tenant.id, disable=["probe"], dry_run=True)
        nothing = await switch(db, stage.tenant.id, enable=["probe"])

    assert (tried.off, tried.listed) == (("probe",), ())
    assert nothing == Switch(None)
    assert await _asked(stage, NOTES) == []


async def test_switch_is_in_the_audit_log_of_the_tenant(stage: Stage) -> None:
    actor = new_id()
    async with stage.deployment.operator_session(None, "words") as db:
        db.origin = msgspec.structs.replace(db.origin, actor_id=actor)
        await switch(db, stage.tenant.id, disable=["probe"])

    assert await _asked(stage, NOTES) == [f"kernel.tenant.plugins_switched all [] {actor} words"]


async def test_list_keeps_a_plugin_that_is_set_aside_at_the_moment(stage: Stage) -> None:
    stage.deployment.set_aside["ailing"] = "It cannot be imported."

    change = await switched(stage, disable=["probe"])

    assert change.listed == ("ailing",)


async def test_switch_takes_a_plugin_that_is_gone_from_the_list(stage: Stage) -> None:
    await stage.switch_plugins("probe", "gone")

    assert (await switched(stage, disable=["gone"])).listed == ("probe",)


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"enable": ["quizzes"]}, PluginNotLoaded),
        ({"disable": ["quizzes"]}, PluginNotLoaded),
        ({"enable": ["probe"], "disable": ["probe"]}, Invalid),
    ],
)
async def test_switch_refuses(stage: Stage, options: dict[str, Any], refused: type[Exception]) -> None:
    with pytest.raises(refused):
        await switched(stage, **options)


async def test_switch_knows_no_tenant_of_another_id(stage: Stage) -> None:
    async with stage.deployment.operator_session(None, "test") as db:
        with pytest.raises(NotFound):
            await switch(db, new_id(), disable=["probe"])


async def test_essential_plugin_can_be_spared(lab: Process, school: School) -> None:
    async with lab.deployment.operator_session(None, "test") as db:
        with pytest.raises(PluginEssential):
            await switch(db, school.id, disable=["lab"], spare_essential=True)
        assert (await switch(db, school.id, disable=["lab"])).off == ("annex", "lab")


def test_registry_refuses_a_rebuild_that_is_no_async_function() -> None:
    assert refusal(fake(register_rebuild=list)) == (
        "Plugin 'codes' (/site/codes/plugin.py): register_rebuild returned <class 'list'>, which is no async function."
    )


# --- who hears of it -------------------------------------------------------------------------------------------------


async def annex_of(process: Process, school: School) -> int:
    """Ask a process for a route of the plugin that is switched."""
    return (await (await process.client(school)).get("/annex/open")).status_code


async def switch_annex_off(process: Process, school: School) -> None:
    """Switch the annex off."""
    async with process.deployment.operator_session(None, "test") as db:
        await switch(db, school.id, disable=["annex"])


async def test_switch_without_redis_is_felt_after_a_moment(
    lab_settings: Settings, tmp_path: Path, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = msgspec.structs.replace(lab_settings, redis_url=f"unix://{tmp_path}/nobody")
    async with process(alone) as cut_off:
        assert await annex_of(cut_off, school) == 200
        await switch_annex_off(cut_off, school)
        assert await annex_of(cut_off, school) == 200
        monkeypatch.setattr("kernel.tenancy._FRESH_WITHOUT_REDIS_S", 0)
        assert await annex_of(cut_off, school) == 404


async def test_process_that_lost_redis_asks_anew(lab: Process, school: School) -> None:
    assert await annex_of(lab, school) == 200
    connection = await lab.deployment.gate._calls.call("CLIENT", "ID")
    async with lab.deployment.operator_session(None, "test") as db:
        await switch(db, school.id, disable=["annex"])
        db._after_commit.clear()
    assert await annex_of(lab, school) == 200

    assert await lab.deployment.redis.client_kill_filter(_id=connection) == 1

    assert await annex_of(lab, school) == 404


async def test_redis_that_does_not_answer_is_told_as_soon_as_it_does(
    stack: Stack, tmp_path: Path, school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.gate._TELL_AGAIN_S", 0)
    monkeypatch.setattr("kernel.gate._TELL_AGAIN_TIMES", 100_000)
    late = tmp_path / "late"
    gate = Gate(redis := Redis.from_url(f"unix://{late}"))

    await gate.tell_version(school.id, 7)
    late.symlink_to(stack.redis_url.removeprefix("unix://"))
    await until(lambda: redis.get(version_key(school.id)))

    assert await redis.get(version_key(school.id)) == b"7"
    assert await _no_longer_telling(gate)
    await gate.close()
    await redis.aclose()


async def _no_longer_telling(gate: Gate) -> bool:
    await until(lambda: _is_empty(gate))
    return True


async def _is_empty(gate: Gate) -> bool:
    return not gate._telling


async def test_version_that_is_told_late_does_not_hide_a_newer_one(lab: Process, school: School) -> None:
    gate = lab.deployment.gate

    for version in (3, 10, 9):
        await gate.tell_version(school.id, version)

    assert await lab.deployment.redis.get(version_key(school.id)) == b"10"
