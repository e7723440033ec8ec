"""Who may on every address of a file, and who is told one: written down as tables that every kind of address is in.

A new route of media, or something new that is made of a file, fails until a row says how it is come by and by whom.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from kernel.deployment import Deployment
from kernel.testing import PASSWORD, FakeClock, Person, School
from tests.plugins.courses.conftest import Course, ask, published
from tests.plugins.media.conftest import mp4, picture, read, upload
from tests.plugins.media.films import film, lines, playback


class World:
    """A published course with a video, a material and a cover, and the people around it."""

    def __init__(self, school: School, course: Course, people: dict[str, Person], cover: dict[str, Any]) -> None:
        self.school = school
        self.course = course
        self.people = people
        self.cover = cover
        self.material = ""
        self.film: dict[str, Any] = {}

    async def told(self, path: str) -> str:
        """Return the address that the enrolled student is told."""
        return str((await ask(self.people["enrolled"], "GET", path))["url"])


async def _video(world: World) -> tuple[str, str]:
    return "enrolled", await world.told(f"{world.course.videos[0]}/stream")


async def _material(world: World) -> tuple[str, str]:
    return "enrolled", await world.told(f"{world.material}/download")


async def _picture(world: World) -> tuple[str, str]:
    return "owner", str(world.cover["url"])


def _thumbnail(name: str) -> Callable[[World], Awaitable[tuple[str, str]]]:
    async def address(world: World) -> tuple[str, str]:
        return "owner", str(world.cover["thumbnails"][name])

    return address


async def _listed(world: World) -> tuple[str, str]:
    return "owner", str((await ask(world.people["owner"], "GET", "/files?kind=video"))["items"][0]["url"])


async def _playlist(world: World) -> tuple[str, str]:
    return "owner", (await playback(world.school, world.people["owner"], world.film)).url


async def _variant(world: World) -> tuple[str, str]:
    who, url = await _playlist(world)
    return who, next(line for line in await lines(world.people[who], world.school, url) if line.startswith("/media/"))


async def _key(world: World) -> tuple[str, str]:
    who, url = await _variant(world)
    playlist = await lines(world.people[who], world.school, url)
    return who, next(line for line in playlist if line.startswith("#EXT-X-KEY")).split('URI="')[1].partition('"')[0]


async def _segment(world: World) -> tuple[str, str]:
    who, url = await _variant(world)
    return who, next(line for line in await lines(world.people[who], world.school, url) if line.startswith("/media/"))


async def _poster(world: World) -> tuple[str, str]:
    return "owner", str((await playback(world.school, world.people["owner"], world.film)).poster_url)


async def _fallback(world: World) -> tuple[str, str]:
    return "owner", str((await playback(world.school, world.people["owner"], world.film)).fallback_url)


async def _captions(world: World) -> tuple[str, str]:
    stream = await ask(world.people["enrolled"], "GET", f"{world.course.videos[0]}/stream")
    return "enrolled", str(stream["captions"][0]["url"])


ADDRESSES: dict[str, Callable[[World], Awaitable[tuple[str, str]]]] = {
    "video": _video,
    "material": _material,
    "picture": _picture,
    "w320.webp": _thumbnail("w320.webp"),
    "w640.webp": _thumbnail("w640.webp"),
    "listed": _listed,
    "playlist": _playlist,
    "variant": _variant,
    "key": _key,
    "180p.ts": _segment,
    "poster-w1280.webp": _poster,
    "fallback": _fallback,
    "captions": _captions,
}
"""Each kind of signed address, renditions by their names: who holds one, and which."""
ALIKE = {"poster-w640.webp", "fallback.mp4"}
"""Handed out by `rendition_url`, as the larger poster is; `fallback.mp4` where the source itself is none."""

WHO = ("nobody", "stranger", "enrolled", "owner", "other instructor", "admin", "other tenant")
TOLD: dict[str, tuple[Callable[[World], str], tuple[int, ...]]] = {
    "videos_stream": (lambda world: f"{world.course.videos[0]}/stream", (401, 403, 200, 200, 403, 200, 404)),
    "materials_download": (lambda world: f"{world.material}/download", (401, 403, 200, 200, 403, 200, 404)),
    "courses_cover": (lambda world: f"{world.course.path}/cover", (401, 200, 200, 200, 200, 200, 404)),
    "files_delete": (lambda world: f"/files/{world.cover['id']}", (401, 404, 404, 409, 404, 409, 404)),
}
"""What tells addresses of others' files, or serves or ends them: by whom it is asked, in the order of `WHO`."""

FOR_EVERYBODY = {"media_logo"}
"""The school's logo and no other picture: test_media_logo.py."""
SIGNED = {"media_read"}
"""Served to whoever an address was signed for: the tests of `ADDRESSES`."""
OWN_ALONE = {"files_list", "media_tus_state"}
"""Tells addresses of one's own: `test_lists_tell_nobody_elses_addresses`, and test_media_resuming."""
WRITES = {
    "media_upload_video", "media_upload_image", "media_upload_file", "media_upload_archive",
    "media_tus_options", "media_tus_create", "media_tus_append", "media_tus_end",
}  # fmt: skip
"""Take files, and tell addresses to whoever has sent one."""


@pytest.fixture
async def world(school: School, other_school: School) -> World:
    """The course and its people; `nobody` is left out, who is no person."""
    people = {
        "owner": await school.person("instructor"),
        "other instructor": await school.person("instructor"),
        "admin": await school.person("admin"),
        "enrolled": await school.person("student"),
        "stranger": await school.person("student"),
        "other tenant": await other_school.person("admin"),
    }
    owner = people["owner"]
    cover = await upload(owner, picture(1000, 500), "cover.png", kind="image")
    course = await published(owner, cover_file_id=cover["id"], requires_code=False)
    video = await upload(owner, mp4(), "lesson.mp4")
    source = {"video_type": "server_upload", "file_id": video["id"]}
    await ask(owner, "PATCH", course.videos[0], json=source | {"is_preview": False})
    captions: dict[str, Any] = {
        "content": b"WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n",
        "headers": {"Content-Type": "text/vtt"},
    }
    await ask(owner, "PUT", f"{course.videos[0]}/captions/en", **captions)
    notes = await upload(owner, b"Read me.", "notes.txt", kind="file")
    body = {"course_id": str(course.id), "title": "Notes", "file_id": notes["id"]}
    made = World(school, course, people, cover)
    made.material = f"/materials/{(await ask(owner, 'POST', '/materials', status=201, json=body))['id']}"
    await ask(people["enrolled"], "POST", f"{course.path}/enroll", status=201)
    made.film = await upload(owner, film(size="320x180"), "film.mp4")
    await school.settle()
    return made


async def held(world: World) -> AsyncIterator[tuple[str, Person, str]]:
    """Give each kind of address with its holder."""
    for name, address in ADDRESSES.items():
        who, url = await address(world)
        yield name, world.people[who], url


def test_every_route_of_media_is_in_a_row(deployment: Deployment) -> None:
    registry = deployment.registry
    handlers = [*registry.routes["media"], *registry.root_routes["media"]]
    rows = SIGNED | OWN_ALONE | WRITES | FOR_EVERYBODY | TOLD.keys()
    assert {str(handler.operation_id) for handler in handlers} - rows == set()


async def test_everything_that_is_made_of_a_file_is_in_a_row(world: World) -> None:
    async with world.school.db() as db:
        driver = await db.driver()
        names = {row["name"] for row in await driver.fetch("SELECT DISTINCT name FROM media.renditions")}
    assert names - ADDRESSES.keys() - ALIKE == set()
    assert names >= {"w320.webp", "w640.webp", "poster-w1280.webp"}


@pytest.mark.parametrize("operation", TOLD)
async def test_who_is_told_an_address(world: World, anonymous: httpx.AsyncClient, operation: str) -> None:
    path, expected = TOLD[operation]
    method = "DELETE" if operation == "files_delete" else "GET"
    nobody = f"http://{world.school.host}/api/v1{path(world)}"
    found = [(await anonymous.request(method, nobody)).status_code]
    found += [(await world.people[who].request(method, path(world))).status_code for who in WHO[1:]]
    assert dict(zip(WHO, found, strict=True)) == dict(zip(WHO, expected, strict=True))


async def test_lists_tell_nobody_elses_addresses(world: World) -> None:
    count = {who: (await ask(person, "GET", "/files"))["total"] for who, person in world.people.items()}
    assert count == {
        "owner": 4, "other instructor": 0, "admin": 4, "enrolled": 0, "stranger": 0, "other tenant": 0,
    }  # fmt: skip


async def test_each_address_serves_its_holder_alone(
    world: World, other_school: School, anonymous: httpx.AsyncClient
) -> None:
    async for name, holder, url in held(world):
        assert (await read(holder, world.school, url)).status_code == 200, name
        assert (await anonymous.get(f"http://{world.school.host}{url}")).status_code == 401, name
        others = {who: person for who, person in world.people.items() if person is not holder}
        found = {who: (await read(person, world.school, url)).status_code for who, person in others.items()}
        assert found == {who: 401 if who == "other tenant" else 403 for who in others}, name
        assert (await read(others["other tenant"], other_school, url)).status_code == 404, name
        again = await world.school.client()
        signed_in = await again.post("/auth/login", json={"email": holder.email, "password": PASSWORD})
        bearer = {"Authorization": f"Bearer {signed_in.json()['access_token']}"}
        again.cookies.clear()
        answer = await again.get(f"http://{world.school.host}{url}", headers=bearer)
        assert (name, answer.status_code, answer.json()["code"]) == (name, 403, "media.address_of_another")


async def test_each_address_is_bound_to_every_field(world: World) -> None:
    async for name, holder, url in held(world):
        path, _, query = url.partition("?")
        fields = parse_qsl(query, keep_blank_values=True)
        assert len(fields) > 3, name
        for changed, value in fields:
            turned = f"{value[:-1]}{'2' if value.endswith('1') else '1'}"
            other = {"d": "a" if value == "i" else "i", "t": "text/html"}.get(changed, turned)
            for altered in (
                [(each, other if each == changed else kept) for each, kept in fields],
                [pair for pair in fields if pair[0] != changed],
            ):
                answer = await read(holder, world.school, f"{path}?{urlencode(altered)}")
                assert (name, changed, answer.status_code) == (name, changed, 403)
        # The same signature for another object, of the same owner.
        for other_path in {each.partition("?")[0] async for _, _, each in held(world)} - {path}:
            answer = await read(holder, world.school, f"{other_path}?{query}")
            assert (name, answer.status_code, answer.json()["code"]) == (name, 403, "kernel.media_url_invalid")


async def test_no_address_outlives_its_time(world: World, fake_clock: FakeClock) -> None:
    addresses = [each async for each in held(world)]
    tokens = world.school.deployment.tokens
    fake_clock.advance(minutes=241)
    for name, holder, url in addresses:
        bearer = holder.client.headers["Authorization"].removeprefix("Bearer ")
        fake_clock.advance(minutes=-241)
        claims = tokens.verify(bearer)
        fake_clock.advance(minutes=241)
        fresh, _ = tokens.issue(
            user_id=claims.user_id, tenant_id=world.school.id, session_id=claims.session, role=holder.role, patterns=[]
        )
        answer = await read(holder, world.school, url, Authorization=f"Bearer {fresh}")
        assert (name, answer.status_code, answer.json()["code"]) == (name, 403, "kernel.media_url_expired")


async def test_no_address_outlives_its_session(world: World) -> None:
    addresses = [each async for each in held(world)]
    for who in ("enrolled", "owner"):
        assert (await world.people[who].post("/auth/logout")).status_code == 204
    for name, holder, url in addresses:
        assert (name, (await read(holder, world.school, url)).status_code) == (name, 401)
