"""How lengths are written."""

import pytest

from plugins.portal.formats import clock_time


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0:00"), (9, "0:09"), (65, "1:05"), (3599, "59:59"), (3600, "1:00:00"), (36_725, "10:12:05")],
)
def test_lengths_are_written_as_players_show_them(seconds: int, written: str) -> None:
    assert clock_time(seconds) == written
