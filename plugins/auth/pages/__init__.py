"""The pages of accounts, for the portal's hooks; auth does without the portal where there is none."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.auth.pages import entrances, files, own_account, people, users

PAGES: Sequence[Mapping[str, Any]] = (*entrances.PAGES, *own_account.PAGES, *files.PAGES, *users.PAGES)
NAVIGATION: Sequence[Mapping[str, Any]] = (*own_account.NAVIGATION, *files.NAVIGATION, *users.NAVIGATION)
SLOTS: Sequence[Mapping[str, Any]] = people.SLOTS
