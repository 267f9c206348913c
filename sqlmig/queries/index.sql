-- name: validity
-- Whether an index exists and is valid, by its name as a statement writes it; no row where there is none. A new index
-- is in the schema of its table, {table}, wherever that is.
SELECT i.indisvalid AND i.indisready, i.indexrelid::pg_catalog.regclass::text
  FROM pg_catalog.pg_index AS i
 WHERE i.indexrelid = CASE WHEN {table} IS NULL THEN pg_catalog.to_regclass({name}) ELSE (
       SELECT pg_catalog.to_regclass(pg_catalog.format('%I.%s', namespace.nspname, {name}))
         FROM pg_catalog.pg_class AS class
         JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE class.oid = pg_catalog.to_regclass({table})) END

-- name: invalid
-- What a concurrent build or drop left: invalid indexes of a table, or of the table of an index, or of all tables
-- where neither is named. The index of a partitioned table is invalid until every partition has its own.
SELECT i.indexrelid::pg_catalog.regclass::text
  FROM pg_catalog.pg_index AS i
  JOIN pg_catalog.pg_class AS class ON class.oid = i.indexrelid AND class.relkind = 'i'
 WHERE NOT (i.indisvalid AND i.indisready) AND class.relpersistence <> 't'
   AND (coalesce({table}, {name}) IS NULL OR i.indrelid = pg_catalog.to_regclass({table})
        OR i.indrelid = (SELECT named.indrelid FROM pg_catalog.pg_index AS named
                          WHERE named.indexrelid = pg_catalog.to_regclass({name})))
 ORDER BY 1

-- name: working
-- Backends that run this very statement: what a killed process left. The server keeps the beginning of a long one.
SELECT activity.pid, coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - activity.query_start)::int::text, '?')
  FROM pg_catalog.pg_stat_activity AS activity
 WHERE activity.datname = pg_catalog.current_database() AND activity.state = 'active'
   AND activity.pid <> pg_catalog.pg_backend_pid() AND activity.query <> ''
   AND (activity.query = {statement} OR (pg_catalog.starts_with({statement}, activity.query)
        AND pg_catalog.octet_length(activity.query)
            >= pg_catalog.pg_size_bytes(pg_catalog.current_setting('track_activity_query_size')) - 5))
