"""The log of attempts, and the pause of a code on which too many strangers fail."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import bindparam, func, insert, select, update

from kernel import clock
from kernel.events import Listener, Listeners
from kernel.tables import Outbox
from kernel.testing import FakeClock, Mailbox, Person
from plugins.codes.actions import attempts
from plugins.codes.actions.attempts import STRANGERS
from plugins.codes.listeners import LISTENERS
from plugins.codes.tables import AccessCode, RedemptionAttempt
from tests.plugins.codes.conftest import Classroom, redeem

FEW = 3
_ADD = insert(RedemptionAttempt).values(
    {name: bindparam(name) for name in ("code_id", "user_id", "ip_address", "outcome", "attempted_at")}
)
_EXPIRE = update(AccessCode).where(AccessCode.id == bindparam("code")).values(expires_at=bindparam("at"))
_DISOWN = update(AccessCode).where(AccessCode.id == bindparam("code")).values(instructor_id=None)
_EVENTS = (
    select(func.count())
    .select_from(Outbox)
    .where(Outbox.tenant_id == bindparam("tenant"), Outbox.event == "codes.access_code.paused")
)


async def refusal(person: Person, code: dict[str, Any] | str) -> str:
    answer = await redeem(person, code)
    reason: str = answer.json()["code"]
    return reason


async def failed(classroom: Classroom, code: dict[str, Any], who: Person, addresses: list[str]) -> None:
    """Let somebody have failed on a code, from each address once."""
    async with classroom.school.db() as db:
        for address in addresses:
            await db.run(
                _ADD,
                code_id=UUID(code["id"]),
                user_id=who.id,
                ip_address=address,
                outcome="codes.not_for_you",
                attempted_at=clock.now(),
            )


@pytest.fixture
async def bound(classroom: Classroom) -> dict[str, Any]:
    """A code for a single address."""
    return await classroom.code(allowed_emails=["noor@example.com"])


@pytest.fixture
async def strangers(classroom: Classroom, monkeypatch: pytest.MonkeyPatch) -> list[Person]:
    """As many as pause a code, which here are few."""
    monkeypatch.setattr(attempts, "STRANGERS", FEW)
    return [await classroom.student() for _ in range(FEW)]


async def test_twenty_strangers_at_once_pause_a_code_once_and_its_owner_is_told(
    classroom: Classroom, bound: dict[str, Any], mailbox: Mailbox
) -> None:
    strangers = [await classroom.student() for _ in range(STRANGERS)]
    before = clock.now()

    reasons = await asyncio.gather(*(refusal(each, bound) for each in strangers))

    assert set(reasons) == {"codes.not_for_you"}
    detail = await classroom.detail(bound)
    assert detail["is_active"] is True
    until = detail["paused_until"]
    assert before + timedelta(minutes=30) <= datetime.fromisoformat(until) <= clock.now() + timedelta(minutes=30)
    noor = await classroom.student(email="noor@example.com")
    assert await refusal(noor, bound) == "codes.paused"
    await classroom.school.settle()
    (mail,) = await mailbox.mails(classroom.instructor.email)
    assert "Tables and chairs" in mail.subject
    assert mail.links == [classroom.school.tenant.url(f"/teach/codes/{bound['id']}")]
    assert bound["code"] not in mail.text


async def test_a_pause_ends_by_itself_and_begins_anew_only_with_as_many_again(
    classroom: Classroom,
    bound: dict[str, Any],
    strangers: list[Person],
    fake_clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "PAUSE", timedelta(minutes=5))
    for each in strangers:
        await refusal(each, bound)

    fake_clock.advance(minutes=6)

    assert [await refusal(each, bound) for each in strangers] == ["codes.not_for_you"] * FEW
    noor = await classroom.student(email="noor@example.com")
    assert await refusal(noor, bound) == "codes.paused"


async def test_one_stranger_less_pauses_nothing_however_often_they_fail(
    classroom: Classroom, bound: dict[str, Any], strangers: list[Person]
) -> None:
    for each in strangers[1:] * 2:
        assert await refusal(each, bound) == "codes.not_for_you"

    assert (await classroom.detail(bound))["paused_until"] is None


async def test_failures_of_long_ago_count_no_more(
    classroom: Classroom,
    bound: dict[str, Any],
    strangers: list[Person],
    fake_clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "WINDOW", timedelta(minutes=5))
    for each in strangers[1:]:
        await refusal(each, bound)

    fake_clock.advance(minutes=6)
    await refusal(strangers[0], bound)

    assert (await classroom.detail(bound))["paused_until"] is None


async def test_twenty_addresses_of_one_account_pause_and_twenty_of_one_network_do_not(
    classroom: Classroom, bound: dict[str, Any]
) -> None:
    other, student = await classroom.code(allowed_domains=["example.com"]), await classroom.student()
    await failed(classroom, bound, student, [f"192.0.2.{number}" for number in range(STRANGERS - 1)])
    await failed(classroom, other, student, [f"2001:db8::{number}" for number in range(STRANGERS * 2)])

    assert [await refusal(student, code) for code in (bound, other)] == ["codes.not_for_you"] * 2

    assert (await classroom.detail(bound))["paused_until"] is not None
    assert (await classroom.detail(other))["paused_until"] is None


async def test_nobody_switches_codes_off_by_failing_otherwise(classroom: Classroom, strangers: list[Person]) -> None:
    used = await classroom.code(type="single_use")
    untouched = await classroom.code()
    await redeem(await classroom.student(), used)

    for each in strangers:
        assert await refusal(each, used) == "codes.exhausted"
        assert await refusal(each, "AAAA-BBBB-CCCC") == "codes.unknown"

    for code in (used, untouched):
        detail = await classroom.detail(code)
        assert (detail["is_active"], detail["paused_until"]) == (True, None)


async def test_an_expired_code_is_paused_and_told_of_too(
    classroom: Classroom, strangers: list[Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = await classroom.code()
    async with classroom.school.db() as db:
        await db.run(_EXPIRE, code=UUID(code["id"]), at=clock.now())
    (listener,) = LISTENERS
    listeners = Listeners([Listener(listener.event, "codes.hear_of_pause", listener.handle)])
    monkeypatch.setattr(classroom.school.deployment, "listeners", listeners)

    for each in [*strangers, *strangers]:
        assert await refusal(each, code) == "codes.expired"

    assert (await classroom.detail(code))["paused_until"] is not None
    async with classroom.school.deployment.operator_session(None, "test") as db:
        assert await db.value(_EVENTS, tenant=classroom.school.id) == 1


async def test_nobody_is_told_of_a_pause_where_nobody_owns_the_code(
    classroom: Classroom, bound: dict[str, Any], strangers: list[Person], mailbox: Mailbox
) -> None:
    async with classroom.school.db() as db:
        await db.run(_DISOWN, code=UUID(bound["id"]))
    for each in strangers:
        await refusal(each, bound)

    await classroom.school.settle()

    assert (await classroom.admin.get(f"/access-codes/{bound['id']}")).json()["state"] == "paused"
    assert await mailbox.mails(classroom.instructor.email) == []


async def test_the_owner_lifts_a_pause_and_the_next_stranger_does_not_bring_it_back(
    classroom: Classroom, bound: dict[str, Any], strangers: list[Person]
) -> None:
    for each in strangers:
        await refusal(each, bound)

    lifted = await classroom.instructor.patch(f"/access-codes/{bound['id']}", json={"paused_until": None})

    assert (lifted.status_code, lifted.json()["paused_until"]) == (200, None)
    assert await refusal(strangers[0], bound) == "codes.not_for_you"
    noor = await classroom.student(email="noor@example.com")
    assert (await redeem(noor, bound)).status_code == 200


async def test_attempts_on_a_code_are_listed_latest_first(classroom: Classroom, bound: dict[str, Any]) -> None:
    stranger, noor = await classroom.student(), await classroom.student(email="noor@example.com")
    for each in (stranger, noor, noor):
        await redeem(each, bound)
    await redeem(noor, await classroom.code())

    page = (await classroom.instructor.get(f"/access-codes/{bound['id']}/attempts")).json()

    told = [(each["outcome"], each["user"]["id"], "ip_address" in each) for each in page["items"]]
    assert told == [
        ("codes.already_redeemed", str(noor.id), False),
        ("codes.access_code.redeemed", str(noor.id), False),
        ("codes.not_for_you", str(stranger.id), False),
    ]
    assert page["total"] == 3
    path = f"/access-codes/{bound['id']}/attempts?outcome=codes.not_for_you"
    (seen,) = (await classroom.admin.get(path)).json()["items"]
    assert (seen["code_id"], seen["ip_address"]) == (bound["id"], "127.0.0.1")


async def test_the_log_holds_attempts_on_no_code_too(classroom: Classroom, bound: dict[str, Any]) -> None:
    student = await classroom.student()
    for code in ("AAAA-BBBB-CCCC", bound):
        await redeem(student, code)

    everything = (await classroom.admin.get("/access-codes/attempts")).json()
    unknown = (await classroom.admin.get("/access-codes/attempts?outcome=codes.unknown")).json()

    assert [each["outcome"] for each in everything["items"]] == ["codes.not_for_you", "codes.unknown"]
    assert [(each["code_id"], each["ip_address"]) for each in unknown["items"]] == [(None, "127.0.0.1")]
    assert (everything["total"], unknown["total"]) == (2, 1)


async def test_attempts_cost_the_same_for_one_and_for_thirty(
    classroom: Classroom, bound: dict[str, Any], strangers: list[Person], query_count: Callable[[], int]
) -> None:
    costs = []
    for people in (strangers[:1], strangers[1:] * 14):
        for each in people:
            await failed(classroom, bound, each, ["192.0.2.1"])
        for person, path in (
            (classroom.instructor, f"/access-codes/{bound['id']}/attempts?limit=100"),
            (classroom.admin, "/access-codes/attempts?limit=100"),
        ):
            before = query_count()
            assert len((await person.get(path)).json()["items"]) in (1, 29)
            costs.append(query_count() - before)

    assert costs[:2] == costs[2:]
