"""Everything that can be asked of a school is put through the rule of plans, or it is said why not."""

import pytest

from benchmarks import asking
from benchmarks.asked import NOT_READ, NOT_SHOWN, NOT_WRITTEN, PAGES, READ_WHOLE, WRITINGS
from kernel.testing import App


def test_every_route_is_asked_for_or_it_is_said_why_not(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    description = app.litestar.openapi_schema.to_schema()
    asking.check_complete(app.litestar, description)
    monkeypatch.setattr("benchmarks.asking.PAGES", PAGES[1:])
    monkeypatch.setattr("benchmarks.asking.WRITINGS", WRITINGS[1:])
    with pytest.raises(ValueError, match=r"nobody asks for GET /, POST /videos/\{\}/progress$"):
        asking.check_complete(app.litestar, description)


def test_every_reason_is_a_sentence() -> None:
    assert all(reason for table in (NOT_READ, NOT_SHOWN, NOT_WRITTEN, READ_WHOLE) for reason in table.values())
