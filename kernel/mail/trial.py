"""Whether mails can be sent, found out at once: whoever sets mail up sees what the server says."""

from kernel.clock import now
from kernel.deployment import Deployment
from kernel.errors import Unavailable
from kernel.health import Check, mail_trouble
from kernel.ids import new_id
from kernel.mail.composing import compose, render
from kernel.mail.kernel_mails import TEST_MAIL
from kernel.mail.relays import NoMailRelay, hand_over, relay_of
from kernel.mail.servers import parse_address
from kernel.mail.smtp import MailDeferred, MailRefused, greet
from kernel.mail.templates import default_wording, look_of
from kernel.mail.wording import SCHOOL
from kernel.tenancy import Tenant

_SERVICE = "the service's own mail server"


class MailFailed(Unavailable):
    """The mail was not sent; the detail is what the server said."""

    code = "kernel.mail_failed"
    title = "The mail was not sent."


async def send_test_mail(
    deployment: Deployment, tenant: Tenant, *, to: str, locale: str = "en", is_operator: bool = False
) -> str:
    """Send a test mail by the tenant's way and return which way that is. Hold no database connection meanwhile.

    Args:
        deployment: Where.
        tenant: Whose way.
        to: The recipient.
        locale: The mail's language.
        is_operator: Whether who asks may know the deployment's own server and its words; the tenant's own is theirs.

    Raises:
        MailAddressInvalid: Nothing can be sent to such an address.
        MailFailed: It was not taken; with the server's answer.
    """
    recipient, look, mail_id = parse_address(to), look_of(tenant), new_id()
    values = {"link": tenant.url("/"), SCHOOL: look.name}
    try:
        relay = relay_of(deployment, tenant)
    except NoMailRelay as error:
        raise MailFailed(str(error) if is_operator else "The service has no mail server.") from None
    is_told = is_operator or relay.is_tenants
    try:
        message = compose(
            render(default_wording(TEST_MAIL, locale), values, look),
            TEST_MAIL,
            values,
            mail_id=mail_id,
            written_at=now(),
            sender=relay.sender,
            recipient=recipient,
        )
        await hand_over(deployment, relay, mail_id, message)
    except (MailDeferred, MailRefused) as error:
        raise MailFailed(str(error) if is_told else f"The service's own mail server: {error.brief}") from None
    if not is_told:
        return _SERVICE
    return f"{relay.server.host}:{relay.server.port}" if relay.server is not None else str(relay.folder)


async def mail_checks(deployment: Deployment) -> list[Check]:
    """Say whether the deployment's server takes mails: it answers, its certificate and our password are right."""
    if deployment.smtp is None or deployment.mail_from is None:
        return mail_trouble(deployment)
    try:
        await greet(deployment.smtp, name=deployment.mail_from.domain, ca_file=deployment.settings.smtp_ca_file)
    except MailDeferred as reason:
        return [Check("mail", False, str(reason))]
    return [Check("mail", True)]
