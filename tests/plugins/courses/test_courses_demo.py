"""The demonstration's courses, and what runs twice without doing anything twice."""

from collections.abc import Callable

from kernel.registry import Registry
from kernel.testing import School
from tests.plugins.courses.conftest import Deliver


async def seed(school: School, *plugins: str) -> None:
    """Run the demonstration's steps of these plugins."""
    registry: Registry = school.deployment.registry
    for step in registry.demo_steps:
        if step.size == "small" and step.plugin in plugins:
            async with school.db() as db:
                await step.run(db)


async def test_demonstration_is_made_once(school: School, deliver: Deliver, query_count: Callable[[], int]) -> None:
    await seed(school, "auth", "courses")
    await deliver()
    before = query_count()
    await seed(school, "courses")
    assert query_count() - before <= 10
    client = await school.client()
    credentials = {"email": "student@example.com", "password": "Collegium-demo-1!"}
    signed_in = (await client.post("/auth/login", json=credentials)).json()
    client.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
    page = (await client.get("/courses")).json()
    assert (page["total"], len({course["instructor"]["id"] for course in page["items"]})) == (6, 3)
    assert [each["total_enrolled"] for each in page["items"] if each["slug"] == "python-from-the-first-line"] == [4]
    mine = (await client.get("/enrollments")).json()["items"]
    assert [(each["progress"], each["status"], each["continue"]["last_position"]) for each in mine] == [
        (50.0, "active", 13)
    ]
    stream = (await client.get(f"/videos/{mine[0]['continue']['video_id']}/stream")).json()
    video = await client.get(f"http://{school.host}{stream['url']}")
    assert (video.headers["content-type"], video.content[4:8]) == ("video/mp4", b"ftyp")
