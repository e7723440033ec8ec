"""Remarks outlive the keys under which they were written."""

import pytest

from kernel.deployment import Deployment
from kernel.keys import Keyring
from kernel.testing import Person
from polls.key_uses import KEY_USES
from polls_tests.ballots import Ballot, ask


async def test_remarks_are_written_anew_under_the_newest_key(
    ballot: Ballot, student: Person, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ballot.vote(student, remark="Fine.")
    [use] = KEY_USES
    assert use.renew is not None
    keyring = Keyring(("a newer key, long enough for a test 0123456", *deployment.settings.secret_keys))
    monkeypatch.setattr(deployment, "keyring", keyring)

    async with deployment.operator_session(None, "test") as db:
        assert set(await use.counts(db)) == set(keyring.older_kids)
        while await use.renew(db):
            pass
        assert set(await use.counts(db)) == {keyring.newest_kid}

    page = await ask(ballot.author, "GET", f"{ballot.path}/remarks")
    assert [each["remark"] for each in page["items"]] == ["Fine."]
