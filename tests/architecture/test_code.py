"""The rules of `code_rules`: they hold here, and each sees what breaks it."""

import pytest

from tests.architecture.code_rules import commits, empty_names, late_imports, operator_sessions
from tests.architecture.conftest import WriteTree
from tests.architecture.sources import ROOT


def test_functions_import_nothing_without_a_reason() -> None:
    assert late_imports(ROOT) == []


def test_nobody_but_the_database_module_commits() -> None:
    assert commits(ROOT) == []


def test_no_plugin_but_admin_works_across_tenants() -> None:
    assert operator_sessions(ROOT) == []


def test_every_name_says_what_is_inside() -> None:
    assert empty_names(ROOT) == []


LATE_IMPORT = "a.py:2: an import inside a function needs `# import: ` and one of optional-dependency, start-up-time."


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("import json\n", []),
        ("def f():\n    import json\n", [f"kernel/{LATE_IMPORT}"]),
        ("async def f():\n    from json import (  # because\n        loads,\n    )\n", [f"kernel/{LATE_IMPORT}"]),
        ("def f():\n    import json  # import: laziness\n", [f"kernel/{LATE_IMPORT}"]),
        ("def f():\n    import json  # import: start-up-time\n", []),
        ("def f():\n    from json import (  # import: optional-dependency\n        loads,\n    )\n", []),
    ],
)
def test_an_import_inside_a_function_is_seen(write_tree: WriteTree, text: str, problems: list[str]) -> None:
    assert late_imports(write_tree({"kernel/a.py": text})) == problems


@pytest.mark.parametrize(
    "call",
    ["connection.commit()", "await session.commit()", "db._commit()", "run('COMMIT')", "run(' commit work; ')"],
)
def test_a_commit_is_seen_outside_the_database_module_only(write_tree: WriteTree, call: str) -> None:
    text = f"async def f():\n    {call}\n"
    tree = write_tree({"plugins/codes/actions.py": text, "kernel/db.py": text})
    assert commits(tree) == ["plugins/codes/actions.py:2: only kernel/db.py commits."]


def test_an_operator_session_is_seen_outside_admin_only(write_tree: WriteTree) -> None:
    text = "def f(db):\n    return db.deployment.operator_session(None, 'look')\n"
    tree = write_tree({"plugins/codes/actions.py": text, "plugins/admin/actions.py": text, "kernel/cli.py": text})
    assert operator_sessions(tree) == [
        "plugins/codes/actions.py:2: only plugins.admin and the command line open an operator session."
    ]


def test_a_name_that_says_nothing_is_seen(write_tree: WriteTree) -> None:
    tree = write_tree(
        {
            "kernel/utils.py": "",
            "plugins/codes/services/redeem.py": "class CodeService: ...\n",
            "plugins/codes/rules.py": "class Managers: ...\n",
        }
    )
    assert empty_names(tree) == [
        "kernel/utils.py: 'utils' says nothing about what is in it.",
        "plugins/codes/services/redeem.py: 'services' says nothing about what is in it.",
        "plugins/codes/services/redeem.py:1: 'CodeService' says how it is filed, not what it is.",
    ]
