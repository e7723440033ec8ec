-- What `kernel.catalogue` asks PostgreSQL. Up to the first semicolon: what is ours, put before every question, with
-- the names of the tables without a tenant as $1. After it: questions whose answers are sentences.
WITH ours AS (
    SELECT c.*, n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
tables AS (SELECT * FROM ours WHERE relkind IN ('r', 'p')),
tenant_tables AS (SELECT * FROM tables WHERE relname <> 'alembic_version' AND name <> ALL ($1::text[]))
;
SELECT t.name || ': it has no column tenant_id uuid NOT NULL.' FROM tenant_tables t
WHERE NOT EXISTS (
    SELECT FROM pg_attribute a
    WHERE a.attrelid = t.oid AND a.attname = 'tenant_id' AND a.atttypid = 'uuid'::regtype AND a.attnotnull)
;
SELECT name || ': row-level security is not on.' FROM tenant_tables WHERE NOT relrowsecurity
;
SELECT name || ': row-level security is not forced on its owner.' FROM tenant_tables WHERE NOT relforcerowsecurity
;
SELECT t.name || ': it has no primary key.' FROM tenant_tables t
WHERE NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary)
;
-- A key over tenants tells one of them what another has.
SELECT t.name || ': the unique ' || x.relname || ' does not begin with tenant_id.'
FROM tenant_tables t JOIN pg_index i ON i.indrelid = t.oid AND (i.indisunique OR i.indisexclusion)
JOIN pg_class x ON x.oid = i.indexrelid
LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0]
WHERE a.attname IS DISTINCT FROM 'tenant_id'
;
-- The check of a foreign key passes row-level security by.
SELECT t.name || ': the foreign key ' || k.conname || ' does not begin with tenant_id on both sides.'
FROM tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'
JOIN pg_attribute own ON own.attrelid = k.conrelid AND own.attnum = k.conkey[1]
JOIN pg_attribute other ON other.attrelid = k.confrelid AND other.attnum = k.confkey[1]
WHERE EXISTS (SELECT FROM tenant_tables x WHERE x.oid IN (k.conrelid, k.confrelid))
  AND (own.attname <> 'tenant_id' OR other.attname <> 'tenant_id'
       OR EXISTS (SELECT FROM tables x WHERE x.oid IN (k.conrelid, k.confrelid)
                  AND x.oid NOT IN (SELECT oid FROM tenant_tables)))
;
SELECT t.name || ': the foreign key ' || k.conname || ' empties tenant_id when the other row goes.'
FROM tenant_tables t JOIN pg_constraint k ON k.conrelid = t.oid AND k.confdeltype IN ('n', 'd')
JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'tenant_id'
WHERE a.attnum = ANY (coalesce(k.confdelsetcols, k.conkey))
;
SELECT name || ': the view has no security_invoker.' FROM ours
WHERE relkind = 'v' AND NOT coalesce(reloptions && '{security_invoker=true,security_invoker=on}', false)
;
SELECT name || ': a materialized view keeps rows outside of row-level security.' FROM ours WHERE relkind = 'm'
;
SELECT name || ': a foreign table is outside of row-level security.' FROM ours WHERE relkind = 'f'
;
SELECT t.name || ': the rule ' || r.rulename || ' rewrites statements.'
FROM tables t JOIN pg_rewrite r ON r.ev_class = t.oid
;
SELECT name || ': it belongs to ' || relowner::regrole || ', not to collegium_owner.' FROM ours
WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND relowner <> 'collegium_owner'::regrole
;
-- The marks are those of `kernel.ddl.definer_function`.
SELECT n.nspname || '.' || p.proname || ': ' || problem
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
CROSS JOIN LATERAL (SELECT coalesce(obj_description(p.oid, 'pg_proc'), '') AS mark) AS comments
CROSS JOIN LATERAL (VALUES
    ('it runs as its owner and was not made by definer_function.', mark NOT LIKE 'collegium: runs as the operator%'),
    ('it works across tenants, as the kernel''s own functions alone may.',
     mark LIKE '%, across tenants' AND n.nspname <> 'kernel'),
    ('its search_path is not fixed.',
     NOT coalesce(p.proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)),
    ('it belongs to ' || p.proowner::regrole || ', not to collegium_operator.',
     p.proowner <> 'collegium_operator'::regrole),
    ('everybody may call it.', p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = 0))
) AS checks (problem, is_so)
WHERE p.prosecdef AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND is_so
;
-- PostgreSQL lets such a function see rows before row-level security has taken out those of others.
SELECT n.nspname || '.' || p.proname || ': it claims to leak nothing.'
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proleakproof AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
;
SELECT 'The role ' || r.rolname || ' ' || problem
FROM pg_roles r CROSS JOIN LATERAL (VALUES
    ('is a superuser.', r.rolsuper),
    ('may pass row-level security by.', r.rolbypassrls AND r.rolname <> 'collegium_operator'),
    ('may make roles.', r.rolcreaterole),
    ('may make databases.', r.rolcreatedb),
    ('may read the log of the whole server.', r.rolreplication)
) AS checks (problem, is_so)
WHERE r.rolname IN ('collegium_app', 'collegium_worker', 'collegium_operator', 'collegium_owner') AND is_so
;
SELECT 'The role ' || member::regrole || ' may become ' || roleid::regrole || '.' FROM pg_auth_members
WHERE member::regrole::text IN ('collegium_app', 'collegium_worker', 'collegium_operator', 'collegium_owner')
  AND (member::regrole::text, roleid::regrole::text)
      NOT IN (('collegium_worker', 'collegium_app'), ('collegium_owner', 'collegium_operator'))
;
SELECT 'The role ' || r.rolname || ' may create things in the schema ' || n.nspname || '.'
FROM pg_roles r CROSS JOIN pg_namespace n
WHERE r.rolname IN ('collegium_app', 'collegium_worker', 'collegium_operator')
  AND has_schema_privilege(r.oid, n.oid, 'CREATE')
;
SELECT 'The role ' || r.rolname || ' has the right ' || wanted || ' on the database.'
FROM pg_roles r CROSS JOIN (VALUES ('CREATE'), ('TEMPORARY')) AS rights (wanted)
WHERE r.rolname IN ('collegium_app', 'collegium_worker', 'collegium_operator')
  AND has_database_privilege(r.oid, current_database(), wanted)
;
SELECT 'Default privileges of ' || defaclrole::regrole || ' grant what no migration wrote down.' FROM pg_default_acl
