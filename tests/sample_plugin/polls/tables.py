"""The tables of polls; that nobody votes twice is a constraint here, because a check before it would lose races."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from kernel.tables import secret_column, table_base, tenant_reference, tenant_unique

Base = table_base("polls")


class Poll(Base):
    """A question, and until when it may be answered."""

    __tablename__ = "polls"
    __table_args__ = (
        tenant_reference("author_id", "auth.users", ondelete="SET NULL"),
        Index(None, "tenant_id", "closes_at", postgresql_where=text("closed_at IS NULL")),
    )

    question: Mapped[str]
    author_id: Mapped[UUID | None]
    closes_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    votes: Mapped[int] = mapped_column(server_default=text("0"), comment="kept by a listener")


class Option(Base):
    """One of the answers."""

    __tablename__ = "options"
    __table_args__ = (tenant_reference("poll_id", "polls.polls"), tenant_unique("poll_id", "position"))

    poll_id: Mapped[UUID]
    position: Mapped[int]
    label: Mapped[str]


class Vote(Base):
    """That somebody voted; for which option, the audit log does not show. Whoever is erased leaves the vote alone."""

    __tablename__ = "votes"
    __table_args__ = (
        tenant_unique("poll_id", "user_id"),
        tenant_reference("poll_id", "polls.polls"),
        tenant_reference("option_id", "polls.options"),
        tenant_reference("user_id", "auth.users", ondelete="SET NULL"),
        Index(None, "tenant_id", "option_id"),
        Index(None, "tenant_id", "user_id"),
    )

    poll_id: Mapped[UUID]
    option_id: Mapped[UUID] = secret_column()
    user_id: Mapped[UUID | None]
    remark: Mapped[str | None] = secret_column(comment="encrypted")
