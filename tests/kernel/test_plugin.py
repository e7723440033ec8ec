"""Finding and ordering plugins, and whether one acts; each refusal is provoked on purpose."""

from types import ModuleType

import pytest

from kernel.plugin import LoadedPlugin, Plugin, PluginError, acting, discover, in_order, why


def plugin(name: str, *requires: str, kernel: str = ">=1,<2", essential: bool = False) -> LoadedPlugin:
    module = ModuleType(f"{name}.plugin")
    module.__file__ = f"/site/{name}/plugin.py"
    manifest = Plugin(
        name=name, version="1.0.0", kernel=kernel, requires=requires, summary=f"About {name}.", essential=essential
    )
    return LoadedPlugin(manifest, module)


def names(plugins: list[LoadedPlugin]) -> list[str]:
    return [each.name for each in plugins]


def test_in_order_puts_each_plugin_after_what_it_requires() -> None:
    plugins = [plugin("codes", "courses"), plugin("courses", "auth", "media"), plugin("media", "auth"), plugin("auth")]

    assert names(in_order(plugins)) == ["auth", "media", "courses", "codes"]


@pytest.mark.parametrize(
    ("plugins", "sentence"),
    [
        (
            [plugin("codes", "courses")],
            "Plugin 'codes' (/site/codes/plugin.py): it requires 'courses', which is not loaded.",
        ),
        (
            [plugin("a", "b"), plugin("b", "c"), plugin("c", "a")],
            "Plugin 'a' (/site/a/plugin.py): its requirements form a circle: a -> b -> c -> a.",
        ),
        (
            [plugin("old", kernel="<1")],
            "Plugin 'old' (/site/old/plugin.py): it asks for kernel <1, and this is kernel 1.0.0.",
        ),
        ([plugin("odd", kernel="one")], "Plugin 'odd' (/site/odd/plugin.py): kernel='one' is no version range."),
        (
            [plugin("kernel")],
            "Plugin 'kernel' (/site/kernel/plugin.py): the name must be an identifier and no reserved word.",
        ),
        ([plugin("a"), plugin("a")], "Plugin 'a' (/site/a/plugin.py): two installed packages use this name."),
    ],
)
def test_in_order_refuses_and_names_plugin_file_and_reason(plugins: list[LoadedPlugin], sentence: str) -> None:
    with pytest.raises(PluginError) as refusal:
        in_order(plugins)

    assert str(refusal.value) == sentence


def test_discover_names_a_plugin_that_is_not_installed() -> None:
    with pytest.raises(PluginError, match=r"^Plugin 'quizzes' \(settings: plugins\): it is not installed\."):
        discover(["auth", "quizzes"])


def test_discover_finds_the_installed_plugins_that_are_named() -> None:
    found = names(discover(["codes", "courses", "media", "auth"]))

    assert found == ["codes", "courses", "media", "auth"]


PLUGINS = in_order([plugin("auth"), plugin("media", "auth"), plugin("courses", "media"), plugin("codes", "courses")])


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (None, {"auth", "media", "courses", "codes"}),
        (["auth", "codes"], {"auth"}),
        (["auth", "media", "courses"], {"auth", "media", "courses"}),
        (["auth", "unknown"], {"auth"}),
        ([], set()),
    ],
)
def test_acting_needs_the_list_and_every_requirement(listed: list[str] | None, expected: set[str]) -> None:
    assert acting(PLUGINS, listed) == expected


@pytest.mark.parametrize(
    ("listed", "name", "sentence"),
    [
        (None, "codes", "codes acts."),
        (None, "quizzes", "quizzes is not loaded in this deployment."),
        (["auth"], "media", "media is not switched on for this tenant."),
        (
            ["auth", "courses", "codes"],
            "codes",
            "codes does not act because it requires courses: courses does not act because it requires media: "
            "media is not switched on for this tenant.",
        ),
    ],
)
def test_why_explains(listed: list[str] | None, name: str, sentence: str) -> None:
    assert why(PLUGINS, listed, name) == sentence
