"""What `GET /api/v1` tells whom, and failed work that an administrator starts again over HTTP."""

from kernel.plugin import KERNEL_VERSION
from kernel.testing import School
from tests.kernel.conftest import Process, sign_in


async def test_api_tells_what_there_is_and_what_the_caller_may(lab: Process) -> None:
    look = {"name": "North", "primary_colour": "#00ff00"}
    school = await lab.school(settings={"general": look}, plugins=["lab"])
    client, admin = await lab.client(school), await sign_in(school, "admin")

    open_to_all = (await client.get("")).json()
    own = (await client.get("", headers=admin.headers)).json()

    assert open_to_all == {
        "name": "Collegium",
        "version": KERNEL_VERSION,
        "school": {
            "name": "North",
            "logo_url": "",
            "primary_colour": "#00ff00",
            "accent_colour": "#f2a635",
            "locale": "en",
            "locales": ["en", "ar"],
            "timezone": "UTC",
            "support_email": "",
        },
        "plugins": ["lab"],
        "user_id": None,
        "role": "",
        "is_operator": False,
        "capabilities": {},
    }
    assert (own["user_id"], own["role"]) == (str(admin.user_id), "admin")
    assert own["capabilities"]["lab.thing.make"] == "any"
    assert {**own, "user_id": None, "role": "", "capabilities": {}} == open_to_all


async def test_api_of_a_school_without_a_chosen_name_has_the_tenants(lab: Process, school: School) -> None:
    client = await lab.client(school)

    assert (await client.get("")).json()["school"]["name"] == "School"
    assert (await client.get("/")).status_code == 200


async def test_nothing_fails_that_is_not_there(lab: Process, school: School) -> None:
    client, admin = await lab.client(school), await sign_in(school, "admin")

    retried = await client.post("/tasks/failures/retry", json={"ids": ["1", "x"]}, headers=admin.headers)

    assert (await client.get("/tasks/failures", headers=admin.headers)).json()["items"] == []
    assert retried.json() == {"retried": 0}
    bodies: list[dict[str, list[str]]] = [{"ids": []}, {"ids": ["x" * 41]}, {}, {"ids": ["1"] * 101}]
    for wrong in bodies:
        answer = await client.post("/tasks/failures/retry", json=wrong, headers=admin.headers)
        assert answer.status_code == 400
