-- name: lag
-- Seconds by which the replica is behind that is behind most, its name, and whether there is one that this role may
-- not look at. One that has everything is not behind, whatever it was last (documentation, "pg_stat_replication").
BEGIN READ ONLY;
SET LOCAL SESSION AUTHORIZATION DEFAULT;
SELECT coalesce(replica.seconds, 0), replica.name, coalesce(pg_catalog.bool_or(replica.hidden) OVER (), false)
  FROM (SELECT walsender.application_name AS name, walsender.state IS NULL AS hidden,
               CASE WHEN walsender.replay_lsn < pg_catalog.pg_current_wal_flush_lsn()
                    THEN extract(epoch FROM walsender.replay_lag) END AS seconds
          FROM pg_catalog.pg_stat_replication AS walsender
         WHERE walsender.state IS NULL OR walsender.state IN ('streaming', 'catchup')) AS replica
 ORDER BY replica.seconds DESC NULLS LAST LIMIT 1;
COMMIT
