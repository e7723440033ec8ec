"""The tables of mail: what waits to be sent, and what tenants say in their own words."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import KernelTable, tenant_unique


class OutgoingMail(KernelTable, audited=False):
    """A mail until its server has taken it; to whom and with which values is encrypted."""

    __tablename__ = "outgoing_mails"
    __table_args__ = (Index(None, "tenant_id", "failed_at"),)

    template: Mapped[str]
    content_encrypted: Mapped[str]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    claimed_until: Mapped[datetime | None]
    failed_at: Mapped[datetime | None]
    last_answer: Mapped[str | None]


class MailTemplateWording(KernelTable):
    """What a tenant says in one language instead of a template's own text."""

    __tablename__ = "mail_templates"
    __table_args__ = (tenant_unique("name", "locale"),)

    name: Mapped[str]
    locale: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
