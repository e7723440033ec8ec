"""What others hear: one event for each batch and each redemption, none for what was refused."""

from typing import Any

import pytest
from sqlalchemy import bindparam, select

from kernel.db import Db
from kernel.events import Listener, Listeners
from kernel.tables import Outbox
from kernel.testing import School
from plugins.codes.api import CodeRedeemed, CodesGenerated
from tests.plugins.codes.conftest import Classroom, redeem

_WAITING = (
    select(Outbox.payload)
    .where(Outbox.tenant_id == bindparam("tenant"), Outbox.event == bindparam("event"))
    .order_by(Outbox.id)
)


@pytest.fixture
def listened(classroom: Classroom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens to codes, and to nothing else."""

    async def handle(db: Db, event: Any) -> None:
        """Take note."""

    listeners = [Listener(event, f"codes.hear_{event.__name__}", handle) for event in (CodesGenerated, CodeRedeemed)]
    monkeypatch.setattr(classroom.school.deployment, "listeners", Listeners(listeners))


async def published(school: School, event: str) -> list[dict[str, Any]]:
    async with school.deployment.operator_session(None, "test") as db:
        return await db.values(_WAITING, tenant=school.id, event=event)


@pytest.mark.usefixtures("listened")
async def test_a_batch_is_told_once(classroom: Classroom) -> None:
    batch = await classroom.order(count=3, video_id=str(classroom.video_id))
    await classroom.instructor.post("/access-codes/generate", json={"type": "single_use"})

    assert await published(classroom.school, "codes.access_code.generated") == [
        {
            "batch_id": batch["batch_id"],
            "course_id": str(classroom.course_id),
            "video_id": str(classroom.video_id),
            "count": 3,
        }
    ]


@pytest.mark.usefixtures("listened")
async def test_a_redemption_is_told_once_and_a_refusal_not(classroom: Classroom) -> None:
    code, student, late = await classroom.code(type="single_use"), await classroom.student(), await classroom.student()

    answers = [(await redeem(person, code)).status_code for person in (student, student, late)]

    assert answers == [200, 409, 409]
    assert await published(classroom.school, "codes.access_code.redeemed") == [
        {
            "code_id": code["id"],
            "user_id": str(student.id),
            "course_id": str(classroom.course_id),
            "video_id": None,
        }
    ]
