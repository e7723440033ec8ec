"""The rules of `plugin_rules`: every plugin here keeps them, and each sees what breaks it."""

from importlib import import_module

import pytest

from kernel.plugin import discover
from kernel.registry import load_registry
from tests.architecture.conftest import WriteTree
from tests.architecture.plugin_rules import doors_ajar, manifests_with_logic, missing_files, unread_pages
from tests.architecture.sources import ROOT

OUR_OWN_EVENTS = {"auth.mail.requested", "auth.address_change.requested"}
"""Hold an address that nobody has proved: for the listener that mails it alone."""


def test_every_plugin_has_its_compulsory_files() -> None:
    assert missing_files(ROOT) == []


def test_every_plugin_has_a_page() -> None:
    assert unread_pages(ROOT) == []


def test_every_door_re_exports_and_nothing_else() -> None:
    assert doors_ajar(ROOT) == []


def test_every_event_can_be_listened_to_from_outside() -> None:
    registry, _ = load_registry(discover())
    offered = {
        getattr(door, name)
        for plugin in registry.plugins
        for door in [import_module(f"plugins.{plugin.name}.api")]
        for name in getattr(door, "__all__", ())
    }

    assert {event.name for event in registry.events if event not in offered} == OUR_OWN_EVENTS


def test_every_manifest_is_free_of_logic() -> None:
    assert manifests_with_logic(ROOT) == []


def test_every_schema_has_one_chain_of_revisions() -> None:
    registry, _ = load_registry(discover())

    assert [len(chain.revisions()) > 0 for chain in registry.migration_chains()] == [True] * len(
        registry.migration_chains()
    )


def test_a_missing_file_is_seen(write_tree: WriteTree) -> None:
    tree = write_tree({"plugins/codes/__init__.py": "", "plugins/codes/plugin.py": ""})
    assert missing_files(tree) == ["plugins/codes: api.py is missing.", "plugins/codes: README.md is missing."]


def test_a_page_with_another_title_or_without_text_is_seen(write_tree: WriteTree) -> None:
    assert unread_pages(write_tree({"plugins/codes/README.md": "# Vouchers\n"})) == [
        "plugins/codes/README.md: its first line is not `# codes`.",
        "plugins/codes/README.md: 1 lines are no page.",
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ('"""The door."""\n\nfrom plugins.codes.actions import redeem\n\n__all__ = ["redeem"]\n', []),
        (
            "from plugins.codes.actions import redeem\n\n__all__ = []\n",
            ["plugins/codes/api.py: __all__ and the imports differ in redeem."],
        ),
        (
            "__all__ = []\n\ndef redeem():\n    return 1\n",
            ["plugins/codes/api.py:3: a door holds imports and __all__ only."],
        ),
    ],
)
def test_a_door_that_holds_more_than_imports_is_seen(write_tree: WriteTree, text: str, problems: list[str]) -> None:
    assert doors_ajar(write_tree({"plugins/codes/api.py": text})) == problems


@pytest.mark.parametrize(
    ("statement", "is_refused"),
    [
        ("PLUGIN = Plugin(name='codes', requires=('auth',))", False),
        (
            "@hookimpl\ndef register_routes():\n    '''Give them.'''\n    return [*HANDLERS, routes.redeem]",
            False,
        ),
        ("@hookimpl\ndef register_routes():\n    return [Route(one) for one in routes.HANDLERS]", True),
        ("@hookimpl\ndef register_routes():\n    return HANDLERS if FLAG else []", True),
        ("@hookimpl\ndef register_routes():\n    prepare()\n    return []", True),
        ("if FLAG:\n    PLUGIN = None", True),
        ("LIMIT = 5", True),
    ],
)
def test_logic_in_a_manifest_is_seen(write_tree: WriteTree, statement: str, is_refused: bool) -> None:
    found = manifests_with_logic(write_tree({"plugins/codes/plugin.py": f"from kernel import plugin\n{statement}\n"}))
    sentence = "a manifest holds imports, PLUGIN and hooks that return what they register."
    line = 3 if statement.startswith("@") else 2
    assert found == ([f"plugins/codes/plugin.py:{line}: {sentence}"] if is_refused else [])
