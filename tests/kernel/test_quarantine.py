"""What a quarantine leaves out and when it refuses the start all the same; plugins that cannot be imported."""

from typing import Any

import msgspec
import pytest

from kernel.auth import Permission
from kernel.plugin import LoadedPlugin, PluginError, discover
from kernel.registry import Registry, load_registry
from tests.kernel.fakes import fake, refusal, route
from tests.kernel.lab.plugin import Accounts

READ = Permission("codes.code.read", "Read codes", {"admin": "any"})
AUTH = fake("auth", essential=True, register_identity=Accounts())


def quarantined(*plugins: LoadedPlugin) -> tuple[Registry, dict[str, str]]:
    return load_registry(plugins, "quarantine")


BAD_PLUGINS = {
    "registering": fake("media", needs=["auth"], register_permissions=[READ]),
    "route": fake("media", needs=["auth"], register_routes=[route(guards=[])]),
    "requirement": fake("media", needs=["auth", "storage"]),
    "kernel": fake("media", needs=["auth"], kernel=">=2"),
    "import": msgspec.structs.replace(fake("media"), fault="it cannot be imported: ImportError('x')."),
}


@pytest.mark.parametrize("bad", BAD_PLUGINS.values(), ids=BAD_PLUGINS)
def test_quarantine_leaves_out_a_bad_plugin_and_its_dependants_with_the_reason(bad: LoadedPlugin) -> None:
    courses = fake("courses", needs=["media"])
    codes = fake("codes", needs=["courses"])
    blog = fake("blog", needs=["auth"], register_routes=[route("/posts")])

    registry, aside = quarantined(AUTH, bad, courses, codes, blog)

    assert [plugin.name for plugin in registry.plugins] == ["auth", "blog"]
    assert sorted(aside) == ["codes", "courses", "media"]
    assert set(aside.values()) == {aside["media"]}
    assert aside["media"].startswith("Plugin 'media' (/site/media/")


def test_quarantine_leaves_out_a_circle() -> None:
    registry, aside = quarantined(AUTH, fake("a", needs=["b"]), fake("b", needs=["a"]))

    assert [plugin.name for plugin in registry.plugins] == ["auth"]
    assert sorted(aside) == ["a", "b"]


def test_quarantine_goes_on_until_nothing_bad_is_left() -> None:
    registry, aside = quarantined(AUTH, fake("a", register_rotues=[]), fake("b", register_events=None), fake("c"))

    assert [plugin.name for plugin in registry.plugins] == ["auth", "c"]
    assert sorted(aside) == ["a", "b"]


def test_quarantine_refuses_the_start_for_an_essential_plugin() -> None:
    bad = fake("auth", essential=True, register_identity=Accounts(), register_rotues=[])

    with pytest.raises(PluginError, match=r"^Plugin 'auth' "):
        quarantined(bad, fake("blog"))


def test_quarantine_refuses_the_start_when_an_essential_plugin_requires_the_bad_one() -> None:
    guard = fake("guard", needs=["media"], essential=True)

    with pytest.raises(PluginError, match=r"^Plugin 'media' "):
        quarantined(AUTH, fake("media", register_rotues=[]), guard)


def test_quarantine_refuses_the_start_when_nobody_is_left_to_keep_accounts() -> None:
    broken = msgspec.structs.replace(fake("auth"), fault="it cannot be imported: ImportError('x').")

    with pytest.raises(PluginError, match=r"^Plugin 'auth' \(/site/auth/plugin.py\): it cannot be imported"):
        quarantined(broken, fake("blog"))


# --- discovery -------------------------------------------------------------------------------------------------------


class Point:
    """An entry point that gives or raises this."""

    def __init__(self, found: Any) -> None:
        self.name, self.value, self.module = "quizzes", "quizzes.plugin:PLUGIN", "quizzes.plugin"
        self._found = found

    def load(self) -> Any:
        if isinstance(self._found, Exception):
            raise self._found
        return self._found


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (
            ModuleNotFoundError("No module named 'numpy'"),
            "it cannot be imported: ModuleNotFoundError(\"No module named 'numpy'\").",
        ),
        ({"name": "quizzes"}, "PLUGIN must be a kernel.Plugin."),
    ],
)
def test_discover_keeps_a_plugin_that_cannot_be_used_with_its_fault(
    monkeypatch: pytest.MonkeyPatch, found: Any, reason: str
) -> None:
    monkeypatch.setattr("kernel.plugin.entry_points", lambda group: [Point(found)])

    discovered = discover()

    assert [each.name for each in discovered] == ["quizzes"]
    assert refusal(*discovered) == f"Plugin 'quizzes' (quizzes.plugin:PLUGIN): {reason}"
