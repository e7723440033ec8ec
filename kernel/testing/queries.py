"""How many statements a request takes, for the test that 1 and 30 rows cost the same."""

from collections.abc import Callable
from typing import Any

import pytest

from kernel.statements import plan_for


@pytest.fixture
def query_count(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """A function that returns how many statements ran through `Db` since the test began."""
    ran = 0

    def counted(statement: Any) -> Any:
        nonlocal ran
        ran += 1
        return plan_for(statement)

    monkeypatch.setattr("kernel.db.plan_for", counted)
    return lambda: ran
