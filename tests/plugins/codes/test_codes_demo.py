"""The demonstration's codes: made once for each course that needs them, and printed until they are redeemed."""

from collections.abc import Sequence

from kernel.testing import School
from plugins.auth.demo.accounts import STEPS as ACCOUNTS
from plugins.codes.demo import STEPS
from tests.plugins.codes.conftest import make_course, redeem

TITLES = ("Typed Python for teams", "Reading a balance sheet")


async def notes(school: School) -> Sequence[str]:
    """Run the step, as every start of the demonstration does, and return what it prints."""
    step = STEPS[0]
    async with school.db() as db:
        await step.run(db)
    assert step.notes is not None
    async with school.db() as db:
        return await step.notes(db)


async def test_without_courses_there_are_no_codes(school: School) -> None:
    assert await notes(school) == []


async def test_each_course_has_codes_that_are_printed_until_they_are_redeemed(school: School) -> None:
    instructor, student = await school.person("instructor"), await school.person("student")
    for title in TITLES:
        await make_course(instructor, title)

    first = await notes(school)

    codes = {line.partition(": ")[0]: line.partition(": ")[2].split(", ") for line in first}
    assert {subject: len(each) for subject, each in codes.items()} == {f"Codes for {title}": 3 for title in TITLES}
    assert await notes(school) == first
    used, *unused = codes["Codes for Typed Python for teams"]
    assert (await redeem(student, used)).status_code == 200
    assert await notes(school) == [f"Codes for Typed Python for teams: {', '.join(unused)}", first[1]]
    for code in unused:
        assert (await redeem(await school.person("student"), code)).status_code == 200
    assert await notes(school) == first[1:]


async def test_there_are_codes_of_every_kind_and_they_are_made_once(school: School) -> None:
    accounts, kinds = ACCOUNTS[0], STEPS[1]
    await make_course(await school.person("instructor"), "Small tools for the command line")
    admin = await school.person("admin")
    async with school.db() as db:
        await accounts.run(db)
    for _ in range(2):
        async with school.db() as db:
            await kinds.run(db)
    items = (await admin.get("/access-codes?limit=100")).json()["items"]
    found = sorted((each["label"], each["type"], each["state"], each["current_uses"]) for each in items)
    assert found == [
        ("Evening class", "multi_use", "used", 3),
        ("For Aisha Bello", "single_use", "unused", 0),
        ("For the staff of a library", "unlimited", "unused", 0),
        ("Last year's fair", "single_use", "exhausted", 1),
        *[("Last year's fair", "single_use", "expired", 0)] * 4,
        *[("Won at the summer fair", "single_use", "exhausted", 1)] * 2,
    ]
