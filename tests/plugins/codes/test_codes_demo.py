"""The demonstration's codes: made once for each course that needs them, and printed until they are redeemed."""

from collections.abc import Sequence

from kernel.testing import School
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
