"""The school's logo as an uploaded picture: for everybody, and no other picture by its address."""

import httpx

from kernel.testing import Person, School
from tests.plugins.media.conftest import picture, upload


async def seen(client: httpx.AsyncClient, file_id: str) -> httpx.Response:
    return await client.get(f"http://{client.base_url.host}/logo/{file_id}")


async def test_everybody_sees_the_logo_and_no_other_picture(
    school: School, other_school: School, admin: Person, anonymous: httpx.AsyncClient
) -> None:
    logo = (await upload(admin, picture(), "logo.png", kind="image"))["id"]
    private = (await upload(admin, picture(), "me.png", kind="image"))["id"]
    assert (await seen(anonymous, logo)).status_code == 404
    changed = await admin.patch("/settings", json={"general": {"logo_url": f"/logo/{logo}"}})
    assert changed.status_code == 200, changed.text

    answer = await seen(anonymous, logo)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert answer.headers["cache-control"].startswith("public")
    assert (await seen(anonymous, private)).status_code == 404
    stranger = await other_school.person("admin")
    await stranger.patch("/settings", json={"general": {"logo_url": f"/logo/{logo}"}})
    assert (await seen(await other_school.client(), logo)).status_code == 404


async def test_the_logo_is_in_use_while_it_is_shown(school: School, admin: Person) -> None:
    logo = (await upload(admin, picture(), "logo.png", kind="image"))["id"]
    await admin.patch("/settings", json={"general": {"logo_url": f"/logo/{logo}"}})
    refused = await admin.delete(f"/files/{logo}")
    assert (refused.status_code, refused.json()["code"]) == (409, "media.file_in_use")
    assert "Logo of the school" in refused.text
    listed = (await admin.get("/files?is_used=true")).json()["items"]
    assert [each["id"] for each in listed] == [logo]
    await admin.patch("/settings", json={"general": {"logo_url": None}})
    assert (await admin.delete(f"/files/{logo}")).status_code == 204
