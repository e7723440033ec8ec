"""Searching courses: what is indexed, and the function that finds them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

from kernel.ddl import definer_function
from kernel.tables import CURRENT_TENANT

revision = "0003"
down_revision = "0002"

# Languages that PostgreSQL has stems for; every other one is searched by whole words.
_TEXT_CONFIG = """
CREATE FUNCTION courses.text_config(language text) RETURNS regconfig LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE split_part(language, '-', 1)
    WHEN 'ar' THEN 'arabic'::regconfig WHEN 'da' THEN 'danish'::regconfig WHEN 'de' THEN 'german'::regconfig
    WHEN 'en' THEN 'english'::regconfig WHEN 'es' THEN 'spanish'::regconfig WHEN 'fi' THEN 'finnish'::regconfig
    WHEN 'fr' THEN 'french'::regconfig WHEN 'hu' THEN 'hungarian'::regconfig WHEN 'it' THEN 'italian'::regconfig
    WHEN 'nl' THEN 'dutch'::regconfig WHEN 'no' THEN 'norwegian'::regconfig WHEN 'pt' THEN 'portuguese'::regconfig
    WHEN 'ro' THEN 'romanian'::regconfig WHEN 'ru' THEN 'russian'::regconfig WHEN 'sv' THEN 'swedish'::regconfig
    WHEN 'tr' THEN 'turkish'::regconfig ELSE 'simple'::regconfig END
"""
# Stems by the course's own language, and whole words, so that a search in another language finds them too.
_DOCUMENT = """
CREATE FUNCTION courses.search_document(language text, title text, short_description text, description text)
RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN setweight(to_tsvector(courses.text_config(language), title), 'A') || setweight(to_tsvector('simple', title), 'A')
    || setweight(to_tsvector(courses.text_config(language), coalesce(short_description, '')), 'B')
    || setweight(to_tsvector('simple', coalesce(short_description, '')), 'B')
    || setweight(to_tsvector(courses.text_config(language), coalesce(description, '')), 'D')
"""
_COMPUTED = "courses.search_document(language, title, short_description, description)"
# Titles that are merely similar count only where nothing has the words themselves: the trigrams find candidates by
# their index, and the edit distance of single words decides. Two letters that changed places are a distance of two.
_MATCHING = f"""
WITH asked AS (
    SELECT websearch_to_tsquery('simple', words) || websearch_to_tsquery(courses.text_config(language), words) AS query,
        lower(words) AS text),
exact AS (
    SELECT c.id, ts_rank(c.search, asked.query) AS rank FROM courses.courses c, asked
    WHERE c.tenant_id = {CURRENT_TENANT} AND c.search @@ asked.query),
near AS (
    SELECT c.id, kernel.word_similarity(asked.text, c.title) AS rank FROM courses.courses c, asked
    WHERE NOT EXISTS (SELECT FROM exact) AND c.tenant_id = {CURRENT_TENANT} AND asked.text OPERATOR(kernel.<%) c.title
      AND NOT EXISTS (
        SELECT FROM regexp_split_to_table(asked.text, '[^[:alnum:]]+') AS word
        WHERE length(word) > 2 AND NOT EXISTS (
            SELECT FROM regexp_split_to_table(lower(c.title), '[^[:alnum:]]+') AS own
            WHERE starts_with(own, word)
               OR kernel.levenshtein_less_equal(own, word, 2) <= CASE WHEN length(word) > 4 THEN 2 ELSE 1 END)))
SELECT id, rank FROM (SELECT * FROM exact UNION ALL SELECT * FROM near) AS found ORDER BY rank DESC, id DESC LIMIT 2000
"""


def upgrade() -> None:
    """Apply."""
    op.execute(_TEXT_CONFIG)
    op.execute(_DOCUMENT)
    op.add_column(
        "courses",
        sa.Column("search", TSVECTOR(), sa.Computed(_COMPUTED, persisted=True), nullable=False),
        schema="courses",
    )
    # Without a list of pending entries, which every search would read until it is worked off: courses change rarely.
    at_once = {"fastupdate": "off"}
    op.create_index(
        None, "courses", ["tenant_id", "search"], schema="courses", postgresql_using="gin", postgresql_with=at_once
    )
    op.create_index(
        None,
        "courses",
        ["tenant_id", "title"],
        schema="courses",
        postgresql_using="gin",
        postgresql_ops={"title": "kernel.gin_trgm_ops"},
        postgresql_with=at_once,
    )
    definer_function(
        "courses.matching(words text, language text)",
        "TABLE (id uuid, rank real)",
        _MATCHING,
        settings={"pg_trgm.word_similarity_threshold": "0.25"},
    )


def downgrade() -> None:
    """Take back."""
    op.execute("DROP FUNCTION courses.matching(text, text)")
    op.drop_column("courses", "search", schema="courses")
    op.drop_index("ix_courses_tenant_id_title", "courses", schema="courses")
    op.execute("DROP FUNCTION courses.search_document(text, text, text, text)")
    op.execute("DROP FUNCTION courses.text_config(text)")
