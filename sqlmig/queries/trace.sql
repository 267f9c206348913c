-- name: working
-- Backends that run this very statement: what a killed process left. The server keeps the beginning of a long one.
SELECT activity.pid, coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - activity.query_start)::int::text, '?')
  FROM pg_catalog.pg_stat_activity AS activity
 WHERE activity.datname = pg_catalog.current_database() AND activity.state = 'active'
   AND activity.pid <> pg_catalog.pg_backend_pid() AND activity.query <> ''
   AND (activity.query = {statement} OR (pg_catalog.starts_with({statement}, activity.query)
        AND pg_catalog.octet_length(activity.query)
            >= pg_catalog.pg_size_bytes(pg_catalog.current_setting('track_activity_query_size')) - 5))

-- name: partition
-- How a partition hangs on its parent: no row where it does not, and whether its detachment was begun.
SELECT coalesce((pg_catalog.to_jsonb(link) ->> 'inhdetachpending')::boolean, false)
  FROM pg_catalog.pg_inherits AS link
 WHERE link.inhparent = pg_catalog.to_regclass({parent}) AND link.inhrelid = pg_catalog.to_regclass({partition})

-- name: exists_database
-- Whether there is an object of a kind with this name.
SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = (pg_catalog.parse_ident({name}))[1])

-- name: exists_tablespace
SELECT EXISTS (SELECT FROM pg_catalog.pg_tablespace WHERE spcname = (pg_catalog.parse_ident({name}))[1])

-- name: exists_subscription
SELECT EXISTS (SELECT FROM pg_catalog.pg_subscription
                WHERE subname = (pg_catalog.parse_ident({name}))[1]
                  AND subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))

-- name: exists_prepared
SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE gid = {name})

-- name: exists_relation
SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = {name})
