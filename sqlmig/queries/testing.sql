-- name: begin
-- One builds a template, the others wait here; and as long as this session lives, {run} says that its run does.
SELECT pg_catalog.pg_advisory_lock({run});
SELECT pg_catalog.pg_advisory_lock({building})

-- name: built
-- Templates are taken as used as long as somebody has this lock.
SELECT pg_catalog.pg_advisory_lock_shared({template});
SELECT pg_catalog.pg_advisory_unlock({building})

-- name: marked
-- Every database that a run of tests made, with the remark by which that is known.
SELECT datname, pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database
 WHERE pg_catalog.starts_with(pg_catalog.shobj_description(oid, 'pg_database'), {mark}) ORDER BY datname

-- name: abandoned
-- Whether nobody holds this lock any more.
SELECT CASE WHEN pg_catalog.pg_try_advisory_lock({key}) THEN pg_catalog.pg_advisory_unlock({key}) ELSE false END

-- name: facts
-- What a template depends on, and whether the server was made faster already.
SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('fsync')

-- name: end_sessions
-- Ends every session of a database, and says how many there were.
SELECT count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity WHERE datname = {name}
