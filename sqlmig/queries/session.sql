-- name: state
-- What the end of a migration would discard, or reset: first in words, then the settings, then who the session acts as.
BEGIN READ ONLY;
SELECT 'temporary tables' WHERE EXISTS (SELECT FROM pg_catalog.pg_class
                                         WHERE relnamespace = pg_catalog.pg_my_temp_schema())
UNION ALL
SELECT 'advisory locks' WHERE EXISTS (SELECT FROM pg_catalog.pg_locks
                                       WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid())
UNION ALL
SELECT 'open cursors' WHERE EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)
UNION ALL
SELECT 'prepared statements' WHERE EXISTS (SELECT FROM pg_catalog.pg_prepared_statements
                                            WHERE name !~ '^_pg3_[0-9]+$')
UNION ALL
SELECT 'channels that it listens to' WHERE EXISTS (SELECT FROM pg_catalog.pg_listening_channels());
SELECT name, setting FROM pg_catalog.pg_settings
 WHERE source = 'session' AND context IN ('user', 'superuser', 'backend', 'superuser-backend')
   AND name NOT LIKE 'transaction\_%';
SELECT session_user, pg_catalog.current_setting('role');
COMMIT

-- name: reset
-- Makes the session what it was when it was opened.
RESET SESSION AUTHORIZATION;
RESET ROLE;
RESET ALL
