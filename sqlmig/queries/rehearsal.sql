-- name: locks
-- The locks on relations that the backend {pid} holds: on which, how strong, and whether that is shared by all databases.
SELECT held.relation, held.mode, held.database = 0
  FROM pg_catalog.pg_locks AS held
 WHERE held.pid = {pid} AND held.locktype = 'relation' AND held.granted AND (held.relation >= 16384 OR held.database = 0)

-- name: relations
-- Tables, views and indexes, by OID: the name, the kind, the file that holds the rows, the table of an index.
SELECT class.oid, pg_catalog.format('%I.%I', namespace.nspname, class.relname), class.relkind, class.relfilenode,
       index.indrelid
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
  LEFT JOIN pg_catalog.pg_index AS index ON index.indexrelid = class.oid
 WHERE class.oid >= 16384 AND class.relkind IN ('r', 'p', 'm', 'v', 'f', 'i', 'I') AND class.relpersistence <> 't'
   AND namespace.nspname <> 'pg_toast' AND namespace.nspname NOT IN ({left_out})

-- name: tables
-- The tables that hold rows of ours, each with its columns by name, and the role to read it as where that is not us: only
-- its owner reads all rows of a table with row level security (documentation, "Row Security Policies").
SELECT class.oid, pg_catalog.format('%I.%I', namespace.nspname, class.relname),
       coalesce((SELECT pg_catalog.string_agg(pg_catalog.quote_ident(attname), ', ' ORDER BY attname COLLATE "C")
                   FROM pg_catalog.pg_attribute
                  WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped), ''),
       CASE WHEN class.relowner <> session_user::pg_catalog.regrole
             AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user)
            THEN pg_catalog.pg_get_userbyid(class.relowner) ELSE '' END
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
 WHERE class.oid >= 16384 AND class.relkind = 'r' AND class.relpersistence <> 't'
   AND namespace.nspname NOT IN ({left_out})
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND objid = class.oid AND deptype = 'e')

-- name: rows
-- A number for each row of a table, sorted, from its text with the columns in the order of their names.
SELECT {oid}, coalesce(pg_catalog.array_agg(number ORDER BY number), '{{}}')::text
  FROM (SELECT pg_catalog.hashtextextended(ROW({columns})::text COLLATE "C", 0) AS number FROM ONLY {table}) AS numbered
