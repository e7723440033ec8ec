"""The main job, over HTTP against the running server: upload, course, codes, redeem, watch, come back."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import pytest

from tests.e2e.conftest import Server, StartServer
from tests.s3 import S3Server

PASSWORD = "Collegium-demo-1!"
DURATION_S = 20


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real MP4 of twenty seconds."""
    path = tmp_path_factory.mktemp("video") / "lesson.mp4"
    subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi",
            "-i", f"testsrc2=size=320x180:rate=10:duration={DURATION_S}",
            "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart", str(path),
        ],
        check=True,
    )  # fmt: skip
    return path


SignIn = Callable[[str], "Client"]


@pytest.fixture
def sign_in(demo_server: Server) -> Iterator[SignIn]:
    """A function that signs somebody in; all connections are closed at the end."""
    clients: list[Client] = []

    def start(email: str) -> Client:
        clients.append(Client(demo_server, email))
        return clients[-1]

    yield start
    for client in clients:
        client.http.close()


class Client:
    """A signed-in person, speaking JSON."""

    def __init__(self, server: Server, email: str) -> None:
        self.http = httpx.Client(base_url=server.url, timeout=60, follow_redirects=True)
        answer = self.http.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        self.http.cookies.clear()
        self.http.headers["Authorization"] = f"Bearer {self.token}"

    def ask(self, method: str, path: str, *, status: int = 200, **arguments: Any) -> Any:
        """Send a request, check its status and return the JSON."""
        answer = self.http.request(method, f"/api/v1{path}", **arguments)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def make_course(instructor: Client, video: Path, title: str) -> tuple[str, str]:
    """Upload the video, build a course around it and publish it; return the course's and the lesson's id."""
    with video.open("rb") as stream:
        file = instructor.ask("POST", "/upload/video", status=201, files={"file": ("lesson.mp4", stream, "video/mp4")})
    assert file["size"] == video.stat().st_size
    course = instructor.ask(
        "POST", "/courses", status=201, json={"title": title, "short_description": "Short.", "requires_code": True}
    )
    section = instructor.ask("POST", f"/courses/{course['id']}/sections", status=201, json={"title": "First steps"})
    lesson = instructor.ask(
        "POST",
        f"/sections/{section['id']}/videos",
        status=201,
        json={
            "title": "Lesson one",
            "video_type": "server_upload",
            "file_id": file["id"],
            "duration_seconds": DURATION_S,
        },
    )
    published = instructor.ask("POST", f"/courses/{course['id']}/publish")
    assert published["status"] == "published"
    return course["id"], lesson["id"]


def test_student_redeems_a_code_and_watches_a_real_video(demo_server: Server, sign_in: SignIn, video: Path) -> None:
    play_story(demo_server, sign_in, video)


def test_the_same_story_with_files_in_a_bucket(start_server: StartServer, s3_server: S3Server, video: Path) -> None:
    server = start_server("--demo", environment={"COLLEGIUM_STORAGE_URL": s3_server.new_url()}).wait()
    with ExitStack() as stack:

        def sign_in(email: str) -> Client:
            client = Client(server, email)
            stack.callback(client.http.close)
            return client

        stream = play_story(server, sign_in, video)
        student = sign_in("student@example.com")
        assert student.http.get(stream["url"], follow_redirects=False).status_code == 403
        address = student.ask("GET", f"/videos/{stream['video_id']}/stream")["url"]
        redirect = student.http.get(address, follow_redirects=False)
        assert redirect.headers["location"].startswith(f"http://127.0.0.1:{s3_server.port}/test-")
        page = student.http.get("/schema")
        assert f"media-src 'self' http://127.0.0.1:{s3_server.port}" in page.headers["content-security-policy"]


def play_story(server: Server, sign_in: SignIn, video: Path) -> dict[str, Any]:
    """Sell a course by a code, watch its video to the end; return the address by which the first session watched."""
    instructor = sign_in("instructor@example.com")
    student = sign_in("student@example.com")
    course_id, video_id = make_course(instructor, video, "Tables and chairs")
    batch = instructor.ask(
        "POST", "/access-codes/generate", status=201, json={"course_id": course_id, "type": "single_use", "count": 2}
    )
    code = batch["items"][0]["code"]

    assert student.ask("GET", f"/videos/{video_id}/stream", status=403)["code"] == "courses.not_enrolled"
    assert student.ask("POST", f"/courses/{course_id}/enroll", status=403)["code"] == "courses.code_required"

    redeemed = student.ask("POST", "/access-codes/redeem", json={"code": f" {code.lower().replace('-', ' ')} "})
    assert (redeemed["kind"], redeemed["course_id"]) == ("course", course_id)
    again = student.ask("POST", "/access-codes/redeem", status=409, json={"code": code})
    assert again["code"] == "codes.already_redeemed"

    stream = student.ask("GET", f"/videos/{video_id}/stream")
    original = video.read_bytes()
    whole = student.http.get(stream["url"])
    assert (whole.status_code, whole.headers["content-type"], whole.content) == (200, "video/mp4", original)
    part = student.http.get(stream["url"], headers={"Range": "bytes=1000-1999"})
    assert (part.status_code, part.content) == (206, original[1000:2000])
    assert part.headers["content-range"] == f"bytes 1000-1999/{len(original)}"

    beacon = {"position": 8, "ranges": [[0, 8]], "total_seconds": DURATION_S}
    watched = student.ask("POST", f"/videos/{video_id}/progress", json=beacon)
    assert (watched["last_position"], watched["watched_seconds"], watched["is_completed"]) == (8, 8, False)
    assert watched["enrollment"]["progress"] == 40.0

    back = sign_in("student@example.com")
    mine = [each for each in back.ask("GET", "/enrollments")["items"] if each["course"]["id"] == course_id]
    assert [each["continue"] for each in mine] == [{"video_id": video_id, "last_position": 8}]

    beacon = {"position": 20, "ranges": [[6, 20]], "total_seconds": DURATION_S}
    done = back.ask("POST", f"/videos/{video_id}/progress", json=beacon)
    assert (done["watched_seconds"], done["is_completed"]) == (20, True)
    assert done["enrollment"] == {"progress": 100.0, "status": "completed"}

    stranger = httpx.get(server.url + stream["url"])
    assert stranger.status_code == 401
    assert instructor.http.get(stream["url"]).status_code == 403
    altered = stream["url"].replace("signature=", "signature=A")
    assert student.http.get(altered).status_code == 403
    return {"url": stream["url"], "video_id": video_id}


async def _redeem_all(server: Server, tokens: list[str], code: str) -> list[httpx.Response]:
    start = asyncio.Event()
    async with httpx.AsyncClient(base_url=server.url, timeout=60, limits=httpx.Limits(max_connections=None)) as http:

        async def one(token: str) -> httpx.Response:
            await start.wait()
            return await http.post(
                "/api/v1/access-codes/redeem", json={"code": code}, headers={"Authorization": f"Bearer {token}"}
            )

        tasks = [asyncio.create_task(one(token)) for token in tokens]
        start.set()
        return await asyncio.gather(*tasks)


def test_hundred_students_share_a_code_of_twenty_uses(demo_server: Server, sign_in: SignIn, video: Path) -> None:
    admin = sign_in("admin@example.com")
    instructor = sign_in("instructor@example.com")
    course_id, _ = make_course(instructor, video, "A crowded course")
    batch = instructor.ask(
        "POST",
        "/access-codes/generate",
        status=201,
        json={"course_id": course_id, "type": "multi_use", "count": 1, "max_uses": 20},
    )
    code = batch["items"][0]
    tokens = []
    for number in range(100):
        email = f"crowd-{number}@example.com"
        person = {"email": email, "role": "student", "first_name": "C", "last_name": str(number), "password": PASSWORD}
        admin.ask("POST", "/users", status=201, json=person)
        tokens.append(sign_in(email).token)

    answers = asyncio.run(_redeem_all(demo_server, tokens, code["code"]))

    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [409] * 80
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"codes.exhausted"}
    assert instructor.ask("GET", f"/access-codes/{code['id']}")["current_uses"] == 20
    assert instructor.ask("GET", f"/access-codes/{code['id']}/redemptions")["total"] == 20
    assert instructor.ask("GET", f"/courses/{course_id}/students")["total"] == 20
