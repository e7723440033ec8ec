"""What becomes of a mail when its server is moody: tried again, given up, never lost, never two in silence."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest
from sqlalchemy import column, text

from kernel.deployment import Deployment
from kernel.keys import Keyring
from kernel.mail import delivery, outgoing, send
from kernel.mail.delivery import MOST_ATTEMPTS
from kernel.mail.servers import Security, SmtpServer
from kernel.tasks import NoPayload, enqueue
from kernel.testing import Mailbox, School, SchoolFactory
from tests.kernel.mail.post import WELCOME
from tests.kernel.mail.servers import HANG_UP, PASSWORD, SILENCE, USER, Certificates, MoodyServer

TO = "ada.secret@north.test"


class MailRow(msgspec.Struct, frozen=True):
    """What stands beside a mail that waits."""

    attempts: int
    is_claimed: bool
    has_failed: bool
    last_answer: str | None


_MAIL_ROWS = text(
    "SELECT attempts, claimed_until IS NOT NULL, failed_at IS NOT NULL, last_answer FROM kernel.outgoing_mails"
).columns(*(column(name) for name in MailRow.__struct_fields__))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def look_behind(deployment: Deployment) -> "AsyncIterator[asyncpg.Connection[Any]]":
    """A connection that sees the queue and every tenant's mails."""
    connection = await asyncpg.connect(deployment.settings.owner_database_url.replace("+asyncpg", ""))
    await connection.execute("SET ROLE collegium_operator")
    yield connection
    await connection.close()


@pytest.fixture
def to_server(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lead the deployment's mails to a server."""

    def lead(server: MoodyServer, security: Security = "none", username: str = "", password: str = "") -> None:
        led = SmtpServer("localhost", server.port, security, username, password)
        monkeypatch.setattr(deployment, "smtp", led)

    return lead


async def _send(school: School, to: str = TO) -> None:
    async with school.db() as db:
        await send(db, WELCOME, to=to, values={"link": "https://north.test/t/Secrettoken", "first_name": "Ada"})


async def _mail_rows(school: School) -> list[tuple[Any, ...]]:
    async with school.db() as db:
        return [msgspec.structs.astuple(row) for row in await db.rows(MailRow, _MAIL_ROWS)]


async def _jobs(connection: "asyncpg.Connection[Any]", school: School) -> list[tuple[str, int, float]]:
    """Return status, attempts and the seconds until it is due, of each of the school's jobs."""
    await connection.execute("RESET ROLE")
    rows = await connection.fetch(
        """SELECT status::text, attempts, extract(epoch FROM execute_after - now())::float FROM queue.pgqueuer
           WHERE convert_from(payload, 'UTF8')::jsonb ->> 'tenant_id' = $1""",
        str(school.id),
    )
    return [tuple(row) for row in rows]


async def test_a_temporary_refusal_is_tried_again_later(
    school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]"
) -> None:
    async with MoodyServer(to_recipients=[f"450 4.2.0 {TO} is greylisted"]).listening() as server:
        to_server(server)
        await _send(school)
        await school.settle()

        assert await _mail_rows(school) == [(1, False, False, "450 4.2.0 <address> is greylisted")]
        ((status, attempts, due_s),) = await _jobs(look_behind, school)
        assert (status, attempts) == ("queued", 0)
        assert 40 < due_s < 80

        await school.bring_forward()
        await school.settle()
        assert [mail.to for mail in server.received] == [[TO]]
    assert await _mail_rows(school) == []
    assert await _jobs(look_behind, school) == []


@pytest.mark.parametrize("server", [{"to_recipients": [f"550 5.1.1 <{TO}> unknown"]}, {"to_messages": ["554 No spam"]}])
async def test_a_permanent_refusal_is_kept_for_an_operator_at_once(
    school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]", server: dict[str, Any]
) -> None:
    answer = "550 5.1.1 <<address>> unknown" if "to_recipients" in server else "554 No spam"
    async with MoodyServer(**server).listening() as moody:
        to_server(moody)
        await _send(school)
        await school.settle(may_fail=True)

        assert await _mail_rows(school) == [(0, False, True, answer)]
        assert [(status, attempts) for status, attempts, _ in await _jobs(look_behind, school)] == [("failed", 1)]

        await look_behind.execute("UPDATE queue.pgqueuer SET status = 'queued', attempts = 0 WHERE status = 'failed'")
        await school.settle()
        assert [mail.to for mail in moody.received] == [[TO]]
    assert await _mail_rows(school) == []


async def test_a_server_that_hangs_up_gets_the_same_message_again(school: School, to_server: Any) -> None:
    async with MoodyServer(to_messages=[HANG_UP]).listening() as server:
        to_server(server)
        await _send(school)
        await school.settle()
        assert server.received == []
        await school.bring_forward()
        await school.settle()

        assert len(server.received) == 1
        assert len(server.seen) == 2
        assert len(set(server.seen)) == 1


async def test_a_server_that_says_nothing_is_left(
    school: School, to_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.mail.smtp.ANSWER_S", 0.1)
    async with MoodyServer(to_messages=[SILENCE]).listening() as server:
        to_server(server)
        await _send(school)
        await school.settle()

    ((attempts, is_claimed, has_failed, answer),) = await _mail_rows(school)
    assert (attempts, is_claimed, has_failed) == (1, False, False)
    assert answer.startswith("SMTPReadTimeoutError")


async def test_nobody_there_is_tried_again_until_a_day_has_passed(
    school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]"
) -> None:
    async with MoodyServer().listening() as server:
        to_server(server)
    await _send(school)
    await look_behind.execute(
        "UPDATE kernel.outgoing_mails SET attempts = $1 WHERE tenant_id = $2", MOST_ATTEMPTS - 2, school.id
    )
    await school.settle()
    ((attempts, _, has_failed, answer),) = await _mail_rows(school)
    assert (attempts, has_failed) == (MOST_ATTEMPTS - 1, False)
    assert answer.startswith("SMTPConnectError")
    assert 2800 < (await _jobs(look_behind, school))[0][2] < 4400

    await school.bring_forward()
    await school.settle(may_fail=True)
    ((_, _, has_failed, _),) = await _mail_rows(school)
    assert has_failed


async def test_starttls_and_a_password(
    school: School, to_server: Any, certificates: Certificates, trusting: None
) -> None:
    server = MoodyServer()
    options = {
        "tls_context": certificates.context(),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": server.authenticate,
    }
    async with server.listening(**options):
        to_server(server, "starttls", username=USER, password=PASSWORD)
        await _send(school)
        await school.settle()

    assert (server.logins, [mail.to for mail in server.received]) == ([(USER, PASSWORD)], [[TO]])


@pytest.fixture
def trusting(deployment: Deployment, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust the authority of the tests."""
    changed = msgspec.structs.replace(deployment.settings, smtp_ca_file=str(certificates.authority_file))
    monkeypatch.setattr(deployment, "settings", changed)


async def test_a_certificate_that_is_not_trusted_gets_neither_mail_nor_password(
    school: School, to_server: Any, certificates: Certificates
) -> None:
    server = MoodyServer()
    async with server.listening(tls_context=certificates.context(), authenticator=server.authenticate):
        to_server(server, "starttls", username=USER, password=PASSWORD)
        await _send(school)
        await school.settle()

    assert (server.logins, server.seen) == ([], [])
    assert "CERTIFICATE_VERIFY_FAILED" in (await _mail_rows(school))[0][3]


async def test_a_certificate_of_another_name_is_refused(
    school: School, to_server: Any, certificates: Certificates, trusting: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = MoodyServer()
    async with server.listening(tls_context=certificates.context()):
        monkeypatch.setattr(school.deployment, "smtp", SmtpServer("127.0.0.1", server.port, "starttls"))
        await _send(school)
        await school.settle()

    assert server.seen == []
    assert "IP address mismatch" in (await _mail_rows(school))[0][3]


async def test_a_server_without_starttls_gets_nothing(school: School, to_server: Any) -> None:
    async with MoodyServer().listening() as server:
        to_server(server, "starttls")
        await _send(school)
        await school.settle()

    assert server.seen == []
    assert "STARTTLS" in (await _mail_rows(school))[0][3]


async def test_a_wrong_password_is_the_servers_trouble_and_not_the_mails(
    school: School, to_server: Any, certificates: Certificates, trusting: None
) -> None:
    server = MoodyServer()
    options = {"tls_context": certificates.context(), "auth_required": True, "authenticator": server.authenticate}
    async with server.listening(**options):
        to_server(server, "starttls", username=USER, password="wrong")
        await _send(school)
        await school.settle()
        assert await _mail_rows(school) == [
            (1, False, False, "SMTPAuthenticationError 535 5.7.8 Authentication credentials invalid")
        ]


async def test_a_crash_after_the_servers_yes_sends_the_same_message_again(
    school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_db: object, _mail_id: object) -> None:
        raise ConnectionResetError

    async with MoodyServer().listening() as server:
        to_server(server)
        await _send(school)
        with monkeypatch.context() as patch:
            patch.setattr(outgoing, "remove", crash)
            await school.settle(may_fail=True)
        await school.bring_forward()
        await school.settle(may_fail=True)
        assert len(server.received) == 1, "within three minutes nobody else sends it"

        await look_behind.execute(
            "UPDATE kernel.outgoing_mails SET claimed_until = now() WHERE tenant_id = $1", school.id
        )
        await school.bring_forward()
        await school.settle()
        assert len(server.received) == 2
        assert len(set(server.seen)) == 1
    assert await _mail_rows(school) == []


async def test_a_mail_whose_key_is_gone_is_given_up(
    school: School, deployment: Deployment, to_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MoodyServer().listening() as server:
        to_server(server)
        await _send(school)
        monkeypatch.setattr(deployment, "keyring", Keyring(["another key that is long enough for it, as it must be"]))
        failures = await school.settle(may_fail=True)

        assert failures == ["The task kernel.send_mail failed: It cannot be read: UnknownKey."]
        assert await _mail_rows(school) == [(0, False, True, "It cannot be read: UnknownKey.")]
        assert server.seen == []


async def test_a_mail_that_lacks_what_a_new_version_names_is_given_up(
    school: School, deployment: Deployment, to_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = msgspec.structs.replace(
        WELCOME, placeholders={**WELCOME.placeholders, "day": "when"}, body={"en": "{{day}} {{link}}", "ar": "{{link}}"}
    )
    async with MoodyServer().listening() as server:
        to_server(server)
        await _send(school)
        monkeypatch.setitem(deployment.registry.mail_templates, WELCOME.name, newer)
        await school.settle(may_fail=True)

    assert server.seen == []
    assert await _mail_rows(school) == [(0, False, True, "Its plugin has changed the template since it was written.")]


async def test_what_failed_is_listed_and_forgotten_after_a_while(
    school: School, other_school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]"
) -> None:
    async with MoodyServer(to_messages=["554 No"]).listening() as server:
        to_server(server)
        await _send(school)
        await school.settle(may_fail=True)
    async with school.db() as db:
        (failed,) = await outgoing.failed_mails(db)
    assert (failed.template, failed.last_answer) == ("post.welcome", "554 No")
    async with other_school.db() as db:
        assert await outgoing.failed_mails(db) == []

    for days, left in ((13, 1), (15, 0)):
        await look_behind.execute(
            "UPDATE kernel.outgoing_mails SET failed_at = now() - make_interval(days => $1) WHERE tenant_id = $2",
            days,
            school.id,
        )
        async with school.db() as db:
            await enqueue(db, outgoing.FORGET_MAILS, NoPayload())
        await school.settle(may_fail=True)
        assert len(await _mail_rows(school)) == left


async def test_a_mail_that_another_worker_sends_is_left_to_it(
    school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]"
) -> None:
    async with MoodyServer().listening() as server:
        to_server(server)
        await _send(school)
        await look_behind.execute(
            "UPDATE kernel.outgoing_mails SET claimed_until = now() + interval '1 minute' WHERE tenant_id = $1",
            school.id,
        )
        await school.settle()
        assert server.seen == []

        await look_behind.execute(
            "UPDATE kernel.outgoing_mails SET claimed_until = now() - interval '1 second' WHERE tenant_id = $1",
            school.id,
        )
        await school.bring_forward()
        await school.settle()
        assert len(server.received) == 1


async def test_without_a_server_mails_wait_and_no_attempt_counts(
    school: School, deployment: Deployment, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deployment, "smtp", None)
        await _send(school)
        await school.settle()
        assert await _mail_rows(school) == [(0, False, False, None)]

    await school.bring_forward()
    assert (await mailbox.mail(TO)).subject == "Welcome to School, Ada"


async def test_a_tenants_mails_wait_beyond_its_share_of_an_hour(
    school: School, other_school: School, deployment: Deployment, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "settings", msgspec.structs.replace(deployment.settings, mails_per_hour=2))
    for number in range(3):
        await _send(school, f"p{number}@north.test")
    await _send(other_school, "p9@south.test")

    for _ in range(WELCOME.most_per_hour + 1):
        assert len(await mailbox.mails()) == 3
        await school.bring_forward()
    assert sorted(mail.to[0] for mail in await mailbox.mails()) == ["p0@north.test", "p1@north.test", "p9@south.test"]
    assert await _mail_rows(school) == [(0, False, False, None)]
    monkeypatch.setattr(deployment, "settings", msgspec.structs.replace(deployment.settings, mails_per_hour=3))
    await school.bring_forward()
    assert len(await mailbox.mails("p2@north.test")) == 1


async def test_what_fails_leaves_no_address_and_no_link_in_logs_and_queue(
    school: School, to_server: Any, look_behind: "asyncpg.Connection[Any]", capfd: pytest.CaptureFixture[str]
) -> None:
    answers = [f"450 4.7.1 {TO} later", f"550 no {TO}, see https://north.test/t/Secrettoken"]
    async with MoodyServer(to_recipients=answers).listening() as server:
        to_server(server)
        await _send(school)
        await school.settle()
        await school.bring_forward()
        await school.settle(may_fail=True)

    await look_behind.execute("RESET ROLE")
    queue = await look_behind.fetch("SELECT to_jsonb(j)::text FROM queue.pgqueuer j")
    history = await look_behind.fetch("SELECT to_jsonb(l)::text FROM queue.pgqueuer_log l")
    out, err = capfd.readouterr()
    said = out + err + "".join(row[0] for row in [*queue, *history])
    assert '"exception_message": "450 4.7.1"' in said
    assert [word for word in ("ada.secret", "Secrettoken", "later", "see") if word in said] == []
    assert (await _mail_rows(school))[0][3] == "550 no <address>, see <address>"


# --- a tenant's own server -------------------------------------------------------------------------------------------


def _own(server: MoodyServer, host: str = "localhost") -> dict[str, Any]:
    return {
        "mail": {
            "host": host,
            "port": server.port,
            "from_address": "office@north.test",
            "from_name": "The office",
            "reply_to": "help@north.test",
            "encryption": "starttls",
        }
    }


async def test_a_tenants_own_server_sends_in_its_own_name(
    new_school: SchoolFactory, mailbox: Mailbox, certificates: Certificates, trusting: None, allowing: None
) -> None:
    async with MoodyServer().listening(tls_context=certificates.context(), require_starttls=True) as server:
        school = await new_school(settings=_own(server))
        await _send(school)
        await school.settle()

    (mail,) = server.received
    assert (mail.sender, str(mail.message["From"])) == ("office@north.test", "The office <office@north.test>")
    assert str(mail.message["Reply-To"]) == "The office <help@north.test>"
    assert await mailbox.mails() == []


@pytest.fixture
def allowing(deployment: Deployment, trusting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tenants name servers of this machine."""
    changed = msgspec.structs.replace(deployment.settings, outbound_allow=("localhost",))
    monkeypatch.setattr(deployment, "settings", changed)


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "169.254.169.254", "::1", "localtest.invalid"])
async def test_a_tenants_server_in_a_private_network_is_not_asked(
    new_school: SchoolFactory, deployment: Deployment, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr(deployment, "settings", msgspec.structs.replace(deployment.settings, outbound_allow=()))
    async with MoodyServer().listening() as server:
        school = await new_school(settings=_own(server, host))
        await _send(school)
        await school.settle()

    assert server.seen == []
    ((attempts, _, _, answer),) = await _mail_rows(school)
    assert attempts == 1
    assert answer.startswith("The school's own mail server: ")


async def test_the_deployments_server_does_not_lend_a_tenant_anothers_name(
    new_school: SchoolFactory, mailbox: Mailbox
) -> None:
    school = await new_school(settings={"mail": {"from_address": "head@south.test"}})
    await _send(school)

    mail = await mailbox.mail(TO)
    assert (mail.sender, str(mail.message["From"])) == ("noreply@collegium.test", "School <noreply@collegium.test>")
    assert str(mail.message["Reply-To"]) == "School <head@south.test>"


async def test_a_slow_server_of_a_tenant_leaves_lanes_to_others(
    new_school: SchoolFactory, certificates: Certificates, allowing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MoodyServer().listening(tls_context=certificates.context()) as server:
        school = await new_school(settings=_own(server))
        monkeypatch.setitem(delivery._under_way, school.id, 4)
        await _send(school)
        for _ in range(WELCOME.most_per_hour + 1):  # looked at often, it counts once
            await school.settle()
            await school.bring_forward()
        assert (server.seen, await _mail_rows(school)) == ([], [(0, False, False, None)])

        monkeypatch.setitem(delivery._under_way, school.id, 3)
        await school.bring_forward()
        await school.settle()
        assert len(server.received) == 1
