"""Somebody else's plugin beside the built wheel of Collegium: it works, goes without a trace, or is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.e2e.conftest import Server, StartServer
from tests.e2e.environments import ROOT, SAMPLE, Environment, Wheels

PASSWORD = "Collegium-demo-1!"


@pytest.fixture
def environment(tmp_path: Path, wheels: Wheels) -> Environment:
    """A virtual environment with both."""
    made = Environment(tmp_path / "environment")
    made.install(*wheels)
    return made


def files_of(folder: Path, *packages: str) -> set[str]:
    """Return what stands in the packages of a source tree."""
    return {
        path.relative_to(folder).as_posix()
        for package in packages
        for path in (folder / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def contents_of(wheel: Path) -> set[str]:
    """Return what stands in a wheel, without what describes it."""
    with ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name and not name.endswith("/")}


def test_wheels_hold_every_file_and_nothing_else(wheels: Wheels) -> None:
    assert contents_of(wheels.collegium) == files_of(ROOT, "kernel", "plugins")
    assert contents_of(wheels.polls) == files_of(SAMPLE, "polls")
    suffixes = {Path(name).suffix for name in contents_of(wheels.collegium)}
    assert {".css", ".lua", ".md", ".py", ".sql", ".typed"} <= suffixes


@contextmanager
def signed_in(server: Server, name: str) -> Iterator[httpx.Client]:
    """Give a client of somebody of the demonstration."""
    with httpx.Client(base_url=f"{server.url}/api/v1", timeout=60) as client:
        answer = client.post("/auth/login", json={"email": f"{name}@example.com", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.cookies.clear()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def test_plugin_of_a_stranger_works_by_being_installed_and_leaves_nothing_broken(
    environment: Environment, start_server: StartServer
) -> None:
    assert environment.check() == ""
    server = start_server("--demo", program=environment.program).wait()
    _use_a_poll(server)
    why = server.collegium("plugins", "why", "polls")
    assert (why.returncode, why.stdout) == (0, "polls acts.\n"), why.stderr
    command = server.collegium("polls", "close-overdue")
    assert (command.returncode, command.stdout) == (0, "0 closed.\n"), command.stderr
    server.stop()
    assert any(line.startswith("polls 1.0.0: Questions with a few answers") for line in _listed(environment))

    environment.remove("collegium-polls")

    assert not any(line.startswith("polls") for line in _listed(environment))
    server = start_server("--demo", program=environment.program).wait()
    with signed_in(server, "student") as student:
        assert student.get("/polls").status_code == 404
        assert student.get("/courses").json()["total"] > 0
    doctor = server.collegium("doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr


def _use_a_poll(server: Server) -> None:
    with signed_in(server, "instructor") as instructor, signed_in(server, "student") as student:
        [shown] = student.get("/polls").json()["items"]
        assert shown["question"] == "When shall we meet for the live lesson?"
        made = instructor.post("/polls", json={"question": "Tea or coffee?", "options": ["Tea", "Coffee"]}).json()
        path, option = f"/polls/{made['id']}", made["options"][1]["id"]
        assert student.post(f"{path}/vote", json={"option_id": option}).json()["my_option_id"] == option
        assert student.post(f"{path}/vote", json={"option_id": option}).status_code == 409
        assert instructor.post(f"{path}/close").json()["is_open"] is False
        results = student.get(f"{path}/results").json()["options"]
        assert [(each["label"], each["votes"]) for each in results] == [("Tea", 0), ("Coffee", 1)]
        assert "/api/v1/polls/{poll_id}/vote" in student.get(f"{server.url}/schema/openapi.json").json()["paths"]


def _listed(environment: Environment) -> list[str]:
    listed = environment.collegium("plugins", "list")
    assert listed.returncode == 0, listed.stderr
    return listed.stdout.splitlines()


class Spoiler:
    """Changes one file of an installed plugin for as long as a block lasts."""

    def __init__(self, path: Path, old: str, new: str) -> None:
        self._path, self._old, self._new = path, old, new

    def __enter__(self) -> None:
        self._kept = self._path.read_text()
        assert self._old in self._kept
        self._path.write_text(self._kept.replace(self._old, self._new, 1))

    def __exit__(self, *_error: object) -> None:
        self._path.write_text(self._kept)


def spoilt(folder: Path) -> Iterator[tuple[Spoiler, str]]:
    """Yield the ways to spoil the plugin in this folder, each with the sentence that refuses it."""
    plugin, tables, routes = folder / "plugin.py", folder / "tables.py", folder / "routes.py"
    yield (
        Spoiler(plugin, "def register_permissions", "def register_permission"),
        f"Plugin 'polls' ({plugin}): there is no hook 'register_permission'. Did you mean 'register_permissions'?",
    )
    yield (
        Spoiler(tables, 'table_base("polls")', 'table_base("auth")'),
        f"Plugin 'polls' ({tables}): the table auth.polls is outside the schema 'polls'.",
    )
    yield (
        Spoiler(routes, "guards=[requires(VOTE)], ", ""),
        f"Plugin 'polls' ({routes}): the route vote has neither requires(...), nor operator, signed_in or public among "
        "its guards.",
    )
    yield (
        Spoiler(plugin, 'kernel=">=1,<2"', 'kernel=">=2"'),
        f"Plugin 'polls' ({plugin}): it asks for kernel >=2, and this is kernel 1.0.0.",
    )


def test_spoilt_plugin_is_refused_with_a_sentence_that_names_the_file(environment: Environment) -> None:
    for spoiler, sentence in spoilt(environment.packages / "polls"):
        with spoiler:
            refused = environment.collegium("serve", "--demo")

            assert (refused.returncode, refused.stderr) == (2, f"collegium: {sentence}\n")
    assert environment.collegium("plugins", "list").returncode == 0
