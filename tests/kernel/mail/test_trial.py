"""Finding out at once whether mails can be sent: the test mail, doctor, readiness; and the demonstration's page."""

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from kernel import operations
from kernel.app import create_app, served
from kernel.deployment import Deployment
from kernel.health import Check, mail_trouble
from kernel.mail import MailAddressInvalid, send
from kernel.mail.servers import SmtpServer, parse_mail_from, server_from_url
from kernel.mail.trial import MailFailed, mail_checks, send_test_mail
from kernel.testing import AppFactory, Mailbox, School
from tests.kernel.mail import post
from tests.kernel.mail.servers import MoodyServer


async def test_a_test_mail_is_sent_at_once(school: School, deployment: Deployment, mailbox: Mailbox) -> None:
    taken_by = await send_test_mail(deployment, school.tenant, to="ada@north.test", locale="ar", is_operator=True)

    (mail,) = await mailbox.mails("ada@north.test")
    assert mail.subject == "رسالة تجريبية من School"
    assert mail.links == [school.tenant.url("/")]
    assert deployment.smtp is not None
    assert taken_by == f"127.0.0.1:{deployment.smtp.port}"


async def test_a_test_mail_tells_what_the_server_says(
    school: School, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with MoodyServer(to_recipients=["550 Not you"] * 2).listening() as server:
        monkeypatch.setattr(deployment, "smtp", SmtpServer("localhost", server.port, "none"))
        with pytest.raises(MailFailed) as failed:
            await send_test_mail(deployment, school.tenant, to="ada@north.test", is_operator=True)
        with pytest.raises(MailFailed) as hidden:
            await send_test_mail(deployment, school.tenant, to="ada@north.test")
        with pytest.raises(MailAddressInvalid):
            await send_test_mail(deployment, school.tenant, to="ada")
    assert failed.value.detail == "550 Not you"
    assert hidden.value.detail == "The service's own mail server: 550"

    monkeypatch.setattr(deployment, "smtp", None)
    with pytest.raises(MailFailed, match="COLLEGIUM_SMTP_URL"):
        await send_test_mail(deployment, school.tenant, to="ada@north.test", is_operator=True)
    with pytest.raises(MailFailed, match=r"The service has no mail server\."):
        await send_test_mail(deployment, school.tenant, to="ada@north.test")


async def test_the_services_own_server_is_for_operators_to_know(
    school: School, deployment: Deployment, mailbox: Mailbox
) -> None:
    taken_by = await send_test_mail(deployment, school.tenant, to="ada@north.test")

    assert len(await mailbox.mails("ada@north.test")) == 1
    assert taken_by == "the service's own mail server"


async def test_doctor_asks_the_server(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    async with MoodyServer().listening() as server:
        monkeypatch.setattr(deployment, "smtp", SmtpServer("localhost", server.port, "none"))
        assert await mail_checks(deployment) == [Check("mail", True)]
        assert "ok   mail" in await operations.doctor(deployment, Namespace())

    (check,) = await mail_checks(deployment)
    assert (check.name, check.ok) == ("mail", False)


async def test_a_deployment_without_a_server_says_so(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mail_trouble(deployment) == []
    monkeypatch.setattr(deployment, "smtp", None)

    said = Check("mail", False, "COLLEGIUM_SMTP_URL is not set, so mails wait")
    assert (mail_trouble(deployment), await mail_checks(deployment)) == ([said], [said])


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", None),
        ("smtp://mail.test", SmtpServer("mail.test", 587, "starttls")),
        ("smtp://u%40x:p%2Fw@mail.test:2525", SmtpServer("mail.test", 2525, "starttls", "u@x", "p/w")),
        ("smtps://u:p@mail.test", SmtpServer("mail.test", 465, "tls", "u", "p")),
        ("smtp://mail.test:25?security=none", SmtpServer("mail.test", 25, "none")),
        ("smtp://[::1]?security=none", SmtpServer("::1", 25, "none")),
    ],
)
def test_addresses_of_servers(url: str, server: SmtpServer | None) -> None:
    assert server_from_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.test",
        "smtp://",
        "smtp://mail.test/path",
        "smtp://mail.test:port",
        "smtp://mail.test?security=maybe",
        "smtp://mail.test?starttls=1",
        "smtps://mail.test?security=none",
        "smtp://u:swordfish@mail.test?security=none",
    ],
)
def test_other_addresses_are_refused_without_repeating_them(url: str) -> None:
    with pytest.raises(ValueError, match="COLLEGIUM_SMTP_URL") as refused:
        server_from_url(url)

    assert "swordfish" not in str(refused.value)


def test_a_password_is_not_printed() -> None:
    assert "swordfish" not in repr(server_from_url("smtp://u:swordfish@mail.test"))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a@mail.test", "a@mail.test"),
        ("The School <a@mail.test>", "The School <a@mail.test>"),
        ('"School, the" <a@mail.test>', '"School, the" <a@mail.test>'),
    ],
)
def test_who_sends(given: str, shown: str) -> None:
    assert str(parse_mail_from(given)) == shown


@pytest.mark.parametrize("text", ["school", "a@b@c", "x <a@mail.test> y", "a@mail.test\nBcc: b@mail.test"])
def test_who_cannot_send(text: str) -> None:
    with pytest.raises(ValueError, match="COLLEGIUM_MAIL_FROM"):
        parse_mail_from(text)


# --- the demonstration -----------------------------------------------------------------------------------------------


@pytest.fixture
async def demo(app_with: AppFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A school of a demonstration, and a client that asks at an address from an address."""
    app = await app_with(post, smtp_url="", mail_from="", demo=True, embedded_stack=True)
    deployment = app.deployment
    monkeypatch.setattr(deployment, "settings", msgspec.structs.replace(deployment.settings, data_dir=tmp_path))
    asgi = served(create_app(deployment))
    async with AsyncExitStack() as stack:
        school = await app.school()

        async def ask(path: str, host: str = "localhost:8000", client: str = "127.0.0.1") -> httpx.Response:
            # The demonstration's one tenant answers to every name; here each has its own.
            monkeypatch.setattr(deployment.tenants, "by_host", lambda _host, caller="": _always(school.tenant))
            transport = httpx.ASGITransport(app=asgi, client=(client, 5000))
            caller = await stack.enter_async_context(httpx.AsyncClient(transport=transport))
            return await caller.get(f"http://{host}{path}")

        yield school, ask


async def _always(tenant: Any) -> Any:
    return tenant


async def test_a_demonstration_shows_its_mails(demo: Any, tmp_path: Path) -> None:
    school, ask = demo
    assert "No mail has been sent yet." in (await ask("/admin/mail")).text
    async with school.db() as db:
        values = {"link": "http://127.0.0.1:8000/start?a=1&b=2", "first_name": "<script>alert(1)</script>"}
        await send(db, post.WELCOME, to="ada@north.test", values=values)
    await school.settle()

    (file,) = (tmp_path / "mail" / str(school.id)).iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert str(message_from_bytes(file.read_bytes(), policy=default)["To"]) == "ada@north.test"
    listed = await ask("/admin/mail")
    assert f'<a href="/admin/mail/{file.stem}">Welcome to School, &lt;script&gt;' in listed.text
    shown = await ask(f"/admin/mail/{file.stem}", host="127.0.0.1:8000")
    assert '<a href="http://127.0.0.1:8000/start?a=1&amp;b=2" rel="noreferrer">' in shown.text
    assert "<script" not in listed.text + shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'self'")
    assert (await ask("/admin/mail/0190b36d-5b00-7000-8000-000000000000")).status_code == 404


@pytest.mark.parametrize(
    ("host", "client"), [("rebound.test", "127.0.0.1"), ("localhost.evil.test", "127.0.0.1"), ("localhost", "10.0.0.7")]
)
async def test_the_page_is_for_this_machine_alone(demo: Any, host: str, client: str) -> None:
    _, ask = demo

    assert (await ask("/admin/mail", host, client)).status_code == 404


async def test_no_other_deployment_has_the_page(school: School) -> None:
    client = await school.client()

    assert (await client.get(f"http://{school.host}/admin/mail")).status_code == 404
