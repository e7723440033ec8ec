"""What is made of videos: their state, their variants, their captions."""

import sqlalchemy as sa
from alembic import op

from kernel.ddl import secure_tenant_table, tenant_columns
from kernel.tables import one_of, tenant_reference, tenant_unique

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "videos",
        *tenant_columns(),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), comment="what its owner follows"),
        sa.Column("status", sa.Text(), nullable=False, server_default=sa.text("'queued'")),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("progress", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("problem", sa.Text(), comment="a sentence, once it has failed"),
        sa.Column("duration_ms", sa.Integer()),
        sa.Column("width", sa.Integer()),
        sa.Column("height", sa.Integer()),
        sa.Column("video_codec", sa.Text()),
        sa.Column("audio_codec", sa.Text(), comment="null: it has no sound"),
        sa.Column("hls_key", sa.Text(), comment="encrypted; decrypts every variant"),
        tenant_unique("file_id"),
        tenant_reference("file_id", "media.files"),
        one_of("status", "queued", "running", "done", "failed"),
        sa.CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        schema="media",
    )
    secure_tenant_table("media.videos", audited=False)
    op.create_table(
        "video_variants",
        *tenant_columns(),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("storage_key", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("peak_bits", sa.Integer(), nullable=False, comment="a second, of the largest segment"),
        sa.Column("average_bits", sa.Integer(), nullable=False),
        sa.Column("codecs", sa.Text(), nullable=False),
        sa.Column("durations_ms", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column(
            "sizes", sa.ARRAY(sa.Integer()), nullable=False, comment="of the segments as they are stored, in bytes"
        ),
        tenant_unique("file_id", "name"),
        tenant_reference("file_id", "media.files"),
        schema="media",
    )
    secure_tenant_table("media.video_variants", audited=False)
    op.create_table(
        "captions",
        *tenant_columns(),
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        tenant_unique("file_id", "language"),
        tenant_reference("file_id", "media.files"),
        schema="media",
    )
    secure_tenant_table("media.captions", audited=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("captions", schema="media")
    op.drop_table("video_variants", schema="media")
    op.drop_table("videos", schema="media")
