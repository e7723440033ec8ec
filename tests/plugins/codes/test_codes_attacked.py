"""An attack by a hundred strangers at once, whom no limit of requests holds up: what it can do, and what it cannot."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from kernel.testing import FakeClock, Mailbox, School
from plugins.codes import rules
from tests.plugins.codes.conftest import Classroom, redeem

STRANGERS = 100
PAUSED = "codes.paused"


async def test_a_hundred_strangers_pause_the_code_that_they_know_and_switch_off_nothing(
    classroom: Classroom,
    other_school: School,
    new_classroom: Callable[[School], Awaitable[Classroom]],
    mailbox: Mailbox,
    fake_clock: FakeClock,
) -> None:
    known = await classroom.code(allowed_emails=["noor@example.com", "ben@example.com"])
    used = await classroom.code(type="single_use")
    assert (await redeem(await classroom.student(), used)).status_code == 200
    off = await classroom.code()
    await classroom.instructor.delete(f"/access-codes/{off['id']}")
    bound, plain = await classroom.code(allowed_domains=["example.com"]), await classroom.code()
    video = await classroom.code(video_id=str(classroom.video_id))
    untouched = await asyncio.gather(*(classroom.detail(code) for code in (used, off, bound, plain, video)))
    tokens = await classroom.crowd(STRANGERS)
    client = await classroom.school.client()

    async def attempt(token: str) -> list[str]:
        tries = [rules.display(rules.new_code()), known["code"], used["code"], off["code"], "no code at all"]
        headers = {"Authorization": f"Bearer {token}"}
        answers = [await client.post("/access-codes/redeem", headers=headers, json={"code": each}) for each in tries]
        return [answer.json()["code"] for answer in answers]

    answered = await asyncio.gather(*(attempt(token) for token in tokens.values()))

    unknown, on_known, on_used, on_off, nothing = (Counter(each) for each in zip(*answered, strict=True))
    assert unknown == nothing == {"codes.unknown": STRANGERS}
    assert (on_used, on_off) == ({"codes.exhausted": STRANGERS}, {"codes.inactive": STRANGERS})
    assert set(on_known) == {"codes.not_for_you", PAUSED}
    assert on_known["codes.not_for_you"] >= 20

    details = await asyncio.gather(*(classroom.detail(code) for code in (used, off, bound, plain, video)))
    assert details == untouched
    detail = await classroom.detail(known)
    assert (detail["is_active"], detail["state"]) == (True, "paused")
    ben = await classroom.student(email="ben@example.com")
    assert [await reason(ben, code) for code in (known, bound, plain, video)] == [PAUSED, "", "", ""]
    other = await new_classroom(other_school)
    assert await reason(await other.student(), await other.code()) == ""

    await classroom.school.settle()
    assert len(await mailbox.mails(classroom.instructor.email)) == 1
    fake_clock.advance(minutes=31)
    assert await reason(await classroom.student(email="noor@example.com"), known) == ""


async def reason(person: Any, code: dict[str, Any]) -> str:
    """Redeem a code and return why not, if not."""
    answer: str = (await redeem(person, code)).json().get("code", "")
    return answer
