-- name: take
-- Begins the transaction that holds the runner's lock, and tries to take it; no time-out may end that transaction.
-- Then whether nothing works any more under the lock of a runner that died. Then, with a snapshot of its own: whether
-- the history is there, which another runner may have created just before; {run} is locked for our own work to see.
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL statement_timeout = 0;
{more}
SELECT pg_catalog.pg_try_advisory_xact_lock({key});
SAVEPOINT look;
SELECT CASE WHEN pg_catalog.pg_try_advisory_xact_lock({key}) THEN pg_catalog.pg_try_advisory_xact_lock({work}) END;
ROLLBACK TO SAVEPOINT look;
SAVEPOINT run;
SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS class
                 JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
                WHERE namespace.nspname = {schema_name} AND class.relname = 'migration'),
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {schema_name}),
       pg_catalog.pg_advisory_xact_lock({run})

-- name: claim
-- Fails (division by zero) where the connection that holds the runner's lock is gone; from here to the end of the
-- transaction no other runner begins. In this order, so that of two runners one sees the other.
SELECT pg_catalog.pg_advisory_xact_lock_shared({work}),
       pg_catalog.int4div(1, (NOT pg_catalog.pg_try_advisory_xact_lock_shared({run}))::pg_catalog.int4)

-- name: hold
-- The same for what cannot be in a transaction: until the session ends, or gives up its locks.
SELECT pg_catalog.pg_advisory_lock_shared({work})

-- name: holder
-- Who holds the runner's lock, or still works under one that is gone, in words.
SELECT pg_catalog.format('pid %s, %s, user %s, since %s s', activity.pid,
           coalesce(nullif(activity.application_name, ''), 'no application name'), activity.usename,
           coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - activity.xact_start)::int::text, '?'))
  FROM pg_catalog.pg_locks AS held
  JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = held.pid
 WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1 AND held.pid <> pg_catalog.pg_backend_pid()
   AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
   AND (held.classid::bigint << 32) | held.objid::bigint IN ({key}, {work})

-- name: blockers
-- What stands between backend {pid} and the lock it waits for, in words; no parameters, the query shortened. Behind a
-- pooler the backend that works is found by its claim.
SELECT pg_catalog.format('pid %s, user %s, %s, %s, transaction %s s old: %s', blocker.pid, blocker.usename,
           coalesce(nullif(blocker.application_name, ''), 'no application name'), coalesce(blocker.state, 'unknown state'),
           coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - blocker.xact_start)::int::text, '?'),
           pg_catalog.left(pg_catalog.regexp_replace(blocker.query, '\s+', ' ', 'g'), 80))
  FROM (SELECT {pid} AS pid
        UNION SELECT held.pid FROM pg_catalog.pg_locks AS held
               WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 1 AND held.mode = 'ShareLock'
                 AND held.database = (SELECT oid FROM pg_catalog.pg_database
                                       WHERE datname = pg_catalog.current_database())
                 AND (held.classid::bigint << 32) | held.objid::bigint = {work}) AS working
 CROSS JOIN LATERAL pg_catalog.unnest(pg_catalog.pg_blocking_pids(working.pid)) AS blocking(pid)
  JOIN pg_catalog.pg_stat_activity AS blocker ON blocker.pid = blocking.pid

-- name: settled
-- Whether the backend of a connection that was lost has ended, and nothing works any more under a claim; and whether
-- the fence of the claims is down, so that nothing can claim any more.
SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = {pid})
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks AS held
                    WHERE held.locktype = 'advisory' AND held.objsubid = 1
                      AND held.database = (SELECT oid FROM pg_catalog.pg_database
                                            WHERE datname = pg_catalog.current_database())
                      AND (held.classid::bigint << 32) | held.objid::bigint IN ({work}, {run}))
