-- name: probe
-- Where we are, before anything is read: the server, the session, and which of our tables exist. Writes nothing.
SELECT version();
BEGIN READ ONLY;
{role}
SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('default_transaction_read_only'),
       session_user, current_user, pg_catalog.current_database(),
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {schema_name}),
       EXISTS (SELECT FROM pg_catalog.pg_class AS class
                 JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
                WHERE namespace.nspname = {schema_name} AND class.relname = 'migration'),
       pg_catalog.pg_backend_pid();
COMMIT

-- name: read
-- Everything about what is applied, in order of application; {sources} adds the stored down SQL.
BEGIN READ ONLY;
{role}
SELECT version FROM {schema}.format;
SELECT version, label, name, up_checksum, up_sql_checksum, down_checksum, down_sql_checksum, algorithm, reversible,
       batch, sequence, baseline, retired, progress, direction, statement, statements, prefix, error,
       extract(epoch FROM applied_at), applied_by, role, host, duration_ms, sqlmig_version, git_commit, {sources},
       evidence
  FROM {schema}.migration ORDER BY sequence;
COMMIT

-- name: stored
-- The stored SQL of some migrations, up and down.
BEGIN READ ONLY;
{role}
SELECT version, pg_catalog.encode(up_source, 'base64'), pg_catalog.encode(down_source, 'base64')
  FROM {schema}.migration WHERE version IN ({versions});
COMMIT

-- name: progress
-- How far each recorded migration is; one statement, which fails where there is no history.
SELECT version, progress FROM {schema}.migration

-- name: create_schema
CREATE SCHEMA {schema};

-- name: create_tables
-- Format 1 of the history.
CREATE TABLE {schema}.format (
    version integer NOT NULL
);
INSERT INTO {schema}.format VALUES (1);
CREATE TABLE {schema}.migration (
    version numeric PRIMARY KEY CHECK (version >= 0 AND version = pg_catalog.trunc(version)),
    label text NOT NULL,
    name text NOT NULL,
    sequence bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    batch integer NOT NULL,
    baseline boolean NOT NULL DEFAULT false,
    retired boolean NOT NULL DEFAULT false,
    reversible boolean NOT NULL,
    algorithm integer NOT NULL,
    up_checksum text NOT NULL,
    up_sql_checksum text,
    down_checksum text,
    down_sql_checksum text,
    up_source bytea,
    down_source bytea,
    progress text NOT NULL DEFAULT 'done' CHECK (progress IN ('done', 'running', 'failed')),
    direction text NOT NULL DEFAULT 'up' CHECK (direction IN ('up', 'down')),
    statement integer,
    statements integer,
    prefix text,
    evidence text,
    error text,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    duration_ms double precision,
    applied_by text NOT NULL DEFAULT session_user,
    role text NOT NULL DEFAULT current_user,
    host text,
    sqlmig_version text,
    git_commit text
);
COMMENT ON TABLE {schema}.migration IS 'What sqlmig applied; see sqlmig status';
CREATE TABLE {schema}.event (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    event text NOT NULL,
    version numeric CHECK (version IS NOT NULL OR event NOT IN ('apply', 'rollback')),
    label text,
    name text,
    batch integer,
    duration_ms double precision,
    session_user_name text NOT NULL DEFAULT session_user,
    role text NOT NULL DEFAULT current_user,
    host text,
    sqlmig_version text,
    git_commit text,
    detail text
);
COMMENT ON TABLE {schema}.event IS 'Append-only log of what sqlmig did; see sqlmig history';

-- name: record
-- One migration is applied; stands in the transaction of its statements. The primary key refuses a second time.
INSERT INTO {schema}.migration (version, label, name, batch, baseline, reversible, algorithm, up_checksum, up_sql_checksum,
       down_checksum, down_sql_checksum, up_source, down_source, statements, progress, statement, duration_ms, host,
       sqlmig_version, git_commit)
VALUES ({version}, {label}, {name}, {batch}, {baseline}, {reversible}, {algorithm}, {up_checksum}, {up_sql_checksum},
       {down_checksum}, {down_sql_checksum}, {up_source}, {down_source}, {statements}, {progress}, {statement},
       {duration}, {host}, {sqlmig_version}, {git_commit})
RETURNING duration_ms

-- name: log
-- One line of the event log.
INSERT INTO {schema}.event (event, version, label, name, batch, duration_ms, host, sqlmig_version, git_commit, detail)
VALUES ({event}, {version}, {label}, {name}, {batch}, {duration}, {host}, {sqlmig_version}, {git_commit}, {detail})

-- name: forget
-- One migration is rolled back: its record goes, the log keeps it. Without a record to remove, the log's check fails.
WITH gone AS (DELETE FROM {schema}.migration WHERE version = {version} RETURNING version)
INSERT INTO {schema}.event (event, version, label, name, batch, duration_ms, host, sqlmig_version, git_commit, detail)
VALUES ({event}, (SELECT version FROM gone), {label}, {name}, {batch}, {duration}, {host}, {sqlmig_version}, {git_commit},
       {detail})
RETURNING duration_ms

-- name: reached
-- The intent to run one statement of a non-transactional script, which also says that those before it completed.
UPDATE {schema}.migration
   SET progress = {progress}, direction = {direction}, statement = {statement}, statements = {statements},
       prefix = {prefix}, evidence = {evidence}, error = {error}
 WHERE version = {version}

-- name: stopped
-- Why a non-transactional script goes no further; how far it is was recorded before.
UPDATE {schema}.migration SET progress = 'failed', error = {error} WHERE version = {version} AND progress <> 'done'

-- name: unrecord
-- A non-transactional script of which nothing was done is none any more: the record is made anew.
DELETE FROM {schema}.migration WHERE version = {version} AND progress <> 'done'

-- name: finished
-- A non-transactional up completed; its checksums are those of the file that was finished.
UPDATE {schema}.migration
   SET progress = 'done', direction = 'up', statement = NULL, prefix = NULL, evidence = NULL, error = NULL,
       statements = {statements},
       up_checksum = {up_checksum}, up_sql_checksum = {up_sql_checksum}, up_source = {up_source},
       down_checksum = {down_checksum}, down_sql_checksum = {down_sql_checksum}, down_source = {down_source},
       reversible = {reversible}, duration_ms = {duration}, applied_at = pg_catalog.clock_timestamp()
 WHERE version = {version}

-- name: accept
-- What the files say now is what counts from now on; nothing is run.
UPDATE {schema}.migration
   SET algorithm = {algorithm}, up_checksum = {up_checksum}, up_sql_checksum = {up_sql_checksum}, up_source = {up_source},
       down_checksum = {down_checksum}, down_sql_checksum = {down_sql_checksum}, down_source = {down_source},
       reversible = {reversible}, name = {name}, label = {label}, retired = false
 WHERE version = {version}

-- name: retire
-- That the file of this migration is gone was accepted.
UPDATE {schema}.migration SET retired = true WHERE version = {version}

-- name: events
-- The event log, newest last.
BEGIN READ ONLY;
{role}
SELECT extract(epoch FROM at), event, version, label, name, batch, session_user_name, role, host, duration_ms,
       sqlmig_version, git_commit, detail
  FROM (SELECT * FROM {schema}.event ORDER BY id DESC LIMIT {limit}) AS latest ORDER BY id;
COMMIT

-- name: clear
-- Forget what is applied, after everything was dropped; the log stays.
DELETE FROM {schema}.migration
