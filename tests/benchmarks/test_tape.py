"""The bench's record of what ours asks the database, since nothing else runs it between two measurements."""

from benchmarks.tape import recorded
from kernel.testing import School


async def test_a_request_is_recorded_with_its_statements(school: School) -> None:
    student = await school.person("student")

    async def ask() -> None:
        school.deployment.kept.clear()
        assert (await student.get("/courses")).status_code == 200

    steps = await recorded(ask)

    assert [step.kind.__name__ for step in steps if step.kind] == ["CardRow", "FacetRow"]
    assert all(step.sql.lstrip().upper().startswith(("SELECT", "WITH")) for step in steps)
