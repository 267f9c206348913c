-- name: all
-- Indexes: each with its name as a statement writes it, whether that is {name}, whether it can be used, whether somebody
-- is at it, and whether it belongs to a TOAST table; those of {table}, or of all tables where that is NULL.
-- Who builds an index holds SHARE UPDATE EXCLUSIVE on its table until just before the commit that makes it valid; then
-- that transaction is seen to change the row in pg_index. Of a build by another role its pid alone can be seen.
-- The index of a partitioned table is of another kind: it is invalid until every partition has its own.
SELECT i.indexrelid, i.indexrelid::pg_catalog.regclass::text, class.relname,
       class.relname = (pg_catalog.parse_ident({name}))[1],
       i.indisvalid AND i.indisready AND i.indislive,
       EXISTS (SELECT FROM pg_catalog.pg_locks AS held
                WHERE held.granted AND held.pid <> pg_catalog.pg_backend_pid()
                  AND (held.transactionid = i.xmax
                       OR (held.locktype = 'relation' AND held.relation = i.indrelid
                           AND held.mode = 'ShareUpdateExclusiveLock'
                           AND held.database = (SELECT oid FROM pg_catalog.pg_database
                                                 WHERE datname = pg_catalog.current_database())
                           AND held.pid IN (SELECT pid FROM pg_catalog.pg_stat_progress_create_index)))),
       class.relnamespace = 'pg_toast'::pg_catalog.regnamespace
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS class ON class.oid = i.indexrelid AND class.relkind = 'i' AND class.relpersistence <> 't'
 WHERE {table} IS NULL OR i.indrelid = pg_catalog.to_regclass({table})
 ORDER BY i.indexrelid

-- name: builders
-- Other sessions that build indexes of a table, or of the table of an index, or of any table where neither is named.
SELECT DISTINCT pg_catalog.format('pid %s, user %s, %s, builds an index: %s', activity.pid, activity.usename,
           coalesce(nullif(activity.application_name, ''), 'no application name'),
           pg_catalog.left(pg_catalog.regexp_replace(activity.query, '\s+', ' ', 'g'), 80))
  FROM pg_catalog.pg_locks AS held
  JOIN pg_catalog.pg_stat_progress_create_index AS build ON build.pid = held.pid
  JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = held.pid
 WHERE held.granted AND held.pid <> pg_catalog.pg_backend_pid() AND held.mode = 'ShareUpdateExclusiveLock'
   AND held.locktype = 'relation'
   AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND (coalesce({table}, {name}) IS NULL OR held.relation = pg_catalog.to_regclass({table})
        OR held.relation = (SELECT i.indrelid FROM pg_catalog.pg_index AS i
                             WHERE i.indexrelid = pg_catalog.to_regclass({name})))

-- name: by_name
-- An index that a statement names: in the schema of its table {table} where that is known, else found as any name is.
SELECT i.indexrelid, i.indexrelid::pg_catalog.regclass::text, i.indisvalid AND i.indisready AND i.indislive
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS class ON class.oid = i.indexrelid AND class.relkind = 'i'
 WHERE i.indexrelid = CASE WHEN {table} IS NULL THEN pg_catalog.to_regclass({name}) ELSE (
       SELECT pg_catalog.to_regclass(pg_catalog.format('%I.%s', namespace.nspname, {name}))
         FROM pg_catalog.pg_class AS owner
         JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = owner.relnamespace
        WHERE owner.oid = pg_catalog.to_regclass({table})) END

-- name: progress
-- How far the build of an index is that backend {pid} is at.
SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done::float8 / blocks_total
                   WHEN tuples_total > 0 THEN tuples_done::float8 / tuples_total END
  FROM pg_catalog.pg_stat_progress_create_index WHERE pid = {pid}
