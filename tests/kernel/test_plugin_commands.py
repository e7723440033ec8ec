"""The commands on plugins, as an operator and an author type them."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import msgspec
import pytest

from kernel.plugin import GROUP
from kernel.settings import Settings
from tests.kernel.packages import WritePlugin, write_plugin
from tests.kernel.test_cli import NOBODY, Run, run, slug

__all__ = ["run", "slug", "write_plugin"]


@pytest.fixture
def unmigrated(write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an installed plugin whose revision the lab's database has not."""
    plugin = write_plugin({"migrations/0001_a.py": 'revision = "0001"\ndown_revision = None\n'})
    points = [
        EntryPoint(name="lab", value="tests.kernel.lab.plugin:PLUGIN", group=GROUP),
        EntryPoint(name=plugin.name, value=f"{plugin.name}.plugin:PLUGIN", group=GROUP),
    ]
    monkeypatch.setattr("kernel.plugin.entry_points", lambda group: points)
    return plugin.name


def everything(settings: Settings, **changes: str) -> Settings:
    """Return settings that load every installed plugin."""
    return msgspec.structs.replace(settings, plugins=None, **changes)


@pytest.mark.parametrize(("policy", "becomes"), [("refuse", "refuses the start"), ("quarantine", "set aside")])
def test_list_tells_what_is_not_migrated(
    run: Run, lab_settings: Settings, unmigrated: str, policy: str, becomes: str
) -> None:
    listed = run("plugins", "list", settings=everything(lab_settings, on_bad_plugin=policy)).out.splitlines()

    assert listed[-1].startswith(f"{unmigrated}: {becomes}. Plugin '{unmigrated}' (")
    assert listed[-1].endswith("the database lacks 0001 of its revisions; run `collegium migrate`.")


def test_list_needs_no_database(run: Run, lab_settings: Settings, unmigrated: str) -> None:
    listed = run("plugins", "list", settings=everything(lab_settings, database_url=NOBODY))

    assert [line.partition(" ")[0] for line in listed.out.splitlines()] == ["lab", unmigrated]
    assert listed.err == "Whether migrations are pending is not known: the database does not answer.\n"


def test_rebuild_of_what_counts_nothing_is_one_sentence(run: Run, lab_settings: Settings) -> None:
    refused = run("plugins", "rebuild", "lab", settings=lab_settings)

    assert refused.sentence == "lab has nothing to count anew (`register_rebuild`)."


def test_purge_refuses_what_is_switched_on_before_it_asks(run: Run, lab_settings: Settings, slug: str) -> None:
    refused = run("plugins", "purge", "lab", "--tenant", slug, settings=lab_settings)

    assert refused.sentence == ("lab is switched on for this tenant: `collegium tenants plugins` switches it off.")


def test_purge_deletes_what_is_switched_off(run: Run, lab_settings: Settings, slug: str) -> None:
    run("things", "make", "One", "--tenant", slug, settings=lab_settings)
    run("tenants", "plugins", slug, "--disable", "lab", settings=lab_settings)

    purged = run("plugins", "purge", "lab", "--tenant", slug, "--yes", settings=lab_settings)

    assert "1 rows of lab.things are deleted." in purged.out.splitlines()


def test_reference_is_printed(run: Run) -> None:
    printed = run("reference").out

    assert printed.startswith("# Reference\n")
    assert "| `lab.thing.read` |" in printed


def test_new_plugin_is_written_with_what_to_do_next(run: Run, tmp_path: Path) -> None:
    said = run("plugins", "new", "marginalia", "--directory", str(tmp_path / "here")).out.splitlines()

    assert said[-1] == f"Next: cd {tmp_path}/here && pip install -e . && pytest"
    assert [Path(line).is_file() for line in said[:-2]] == [True] * 18


def test_bad_plugin_ends_check_with_code_1(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert run("plugins", "check", str(tmp_path)).code == 2
    assert run("plugins", "new", "paradoxes", "--directory", str(tmp_path)).code == 0
    (tmp_path / "paradoxes" / "errors.py").write_text("from kernel.gate import Gate\n")

    checked = run("plugins", "check", str(tmp_path))

    assert checked.code == 1
    assert checked.out.startswith("Plugin 'paradoxes' (")
