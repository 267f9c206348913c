-- name: exists
-- Whether snapshots of the schema are kept here, and what is applied, as a word that changes with it.
BEGIN READ ONLY;
{role}
SELECT pg_catalog.to_regclass({table}) IS NOT NULL, {state};
COMMIT

-- name: state
-- What is applied, as a word that changes with it.
(SELECT pg_catalog.md5(coalesce(pg_catalog.string_agg(pg_catalog.concat_ws(':', version, sequence, progress, statement),
                                ',' ORDER BY sequence), ''))
   FROM {schema}.migration)

-- name: create
CREATE TABLE {schema}.snapshot (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    reason text NOT NULL,
    state text NOT NULL,
    server_version integer NOT NULL,
    fingerprint text NOT NULL,
    schema bytea NOT NULL
);
COMMENT ON TABLE {schema}.snapshot IS 'What the schema was after sqlmig changed it; see sqlmig drift'

-- name: known
-- The newest snapshot, without the snapshot itself.
BEGIN READ ONLY;
{role}
SELECT id, extract(epoch FROM at), reason, state, server_version, fingerprint
  FROM {schema}.snapshot ORDER BY id DESC LIMIT 1;
COMMIT

-- name: schema
-- The newest snapshot itself.
BEGIN READ ONLY;
{role}
SELECT pg_catalog.encode(schema, 'base64') FROM {schema}.snapshot WHERE id = {id};
COMMIT

-- name: store
-- One more snapshot; the oldest of more than {kept} goes.
INSERT INTO {schema}.snapshot (reason, state, server_version, fingerprint, schema)
VALUES ({reason}, {state}, {server_version}, {fingerprint}, pg_catalog.decode({packed}, 'base64'));
DELETE FROM {schema}.snapshot WHERE id NOT IN (SELECT id FROM {schema}.snapshot ORDER BY id DESC LIMIT {kept})
