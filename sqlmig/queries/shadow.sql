-- name: server
-- What a database beside this one needs: whether we may make it, its encoding and locale, whether its owner can be the
-- same; and which server this is (documentation, "Control Data Functions"). {set_role} is the privilege for SET ROLE.
SELECT (SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user),
       pg_catalog.pg_encoding_to_char(database.encoding),
       pg_catalog.to_jsonb(database)::text,
       CASE WHEN pg_catalog.pg_has_role(session_user, database.datdba, 'USAGE')
             AND pg_catalog.pg_has_role(session_user, database.datdba, {set_role})
            THEN pg_catalog.pg_get_userbyid(database.datdba) END,
       (SELECT system_identifier FROM pg_catalog.pg_control_system()),
       database.oid,
       pg_catalog.has_schema_privilege({role}, 'public', 'CREATE')
  FROM pg_catalog.pg_database AS database WHERE database.datname = pg_catalog.current_database()

-- name: roles
-- Roles as statements for another server, without passwords; then who is a member of which.
SELECT rolname, pg_catalog.format('CREATE ROLE %I %s', rolname, pg_catalog.concat_ws(' ',
           CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
           CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
           CASE WHEN rolcanlogin THEN 'LOGIN' END, CASE WHEN rolbypassrls THEN 'BYPASSRLS' END))
  FROM pg_catalog.pg_roles WHERE rolname !~ '^pg_'
UNION ALL
SELECT NULL, pg_catalog.format('GRANT %I TO %I', pg_catalog.pg_get_userbyid(roleid), pg_catalog.pg_get_userbyid(member))
  FROM pg_catalog.pg_auth_members

-- name: ground
-- What is set and granted for this database, as statements for the database {name}. Lists are stored as they are
-- written (documentation of pg_dump does the same for these), other values as they are.
SELECT pg_catalog.format(
           CASE WHEN setting.setrole = 0 THEN 'ALTER DATABASE %1$I' ELSE 'ALTER ROLE %4$I IN DATABASE %1$I' END
           || CASE WHEN pair.name IN ('search_path', 'temp_tablespaces', 'local_preload_libraries',
                                      'session_preload_libraries')
                   THEN ' SET %2$I TO %3$s' ELSE ' SET %2$I TO %3$L' END,
           {name}, pair.name, pair.value, pg_catalog.pg_get_userbyid(setting.setrole))
  FROM pg_catalog.pg_db_role_setting AS setting
 CROSS JOIN LATERAL pg_catalog.unnest(setting.setconfig) AS config(text)
 CROSS JOIN LATERAL (SELECT pg_catalog.split_part(config.text, '=', 1) AS name,
                            pg_catalog.substr(config.text, pg_catalog.strpos(config.text, '=') + 1) AS value) AS pair
 WHERE setting.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
UNION ALL
SELECT pg_catalog.format('COMMENT ON DATABASE %I IS %L', {name}, pg_catalog.shobj_description(oid, 'pg_database'))
  FROM pg_catalog.pg_database
 WHERE datname = pg_catalog.current_database() AND pg_catalog.shobj_description(oid, 'pg_database') IS NOT NULL
UNION ALL
SELECT pg_catalog.format('REVOKE ALL ON DATABASE %I FROM PUBLIC', {name})
  FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database() AND datacl IS NOT NULL
UNION ALL
SELECT pg_catalog.format('GRANT %s ON DATABASE %I TO %s', item.privilege_type, {name},
           CASE WHEN item.grantee = 0 THEN 'PUBLIC'
                ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(item.grantee)) END)
  FROM pg_catalog.pg_database AS database CROSS JOIN LATERAL pg_catalog.aclexplode(database.datacl) AS item
 WHERE database.datname = pg_catalog.current_database()

-- name: missing
-- What a role needs to run migrations here and does not have, as statements.
SELECT pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I', pg_catalog.current_database(), {role})
 WHERE NOT pg_catalog.has_database_privilege({role}, pg_catalog.current_database(), 'CREATE')
UNION ALL
SELECT pg_catalog.format('GRANT USAGE, CREATE ON SCHEMA public TO %I', {role})
 WHERE {in_public} AND NOT pg_catalog.has_schema_privilege({role}, 'public', 'CREATE')

-- name: hold
-- Takes a lock that says that we live, for as long as this session does: no silence of ours ends it.
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL statement_timeout = 0;
{more}
SELECT pg_catalog.pg_try_advisory_xact_lock({key})

-- name: named
-- Databases that are named as ours are.
SELECT datname FROM pg_catalog.pg_database WHERE datname LIKE 'sqlmig\_shadow\_%'

-- name: held
-- Whether any session of the server, in whichever database, holds the advisory lock {key}.
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                  AND (classid::bigint << 32) | objid::bigint = {key})

-- name: contents
-- Something that is not PostgreSQL's own in this database, in words, and whether {mark} is there. What is of initdb has
-- an OID below 16384 (src/include/access/transam.h).
SELECT (SELECT pg_catalog.format('%s %s', object.type, object.identity)
          FROM (SELECT tableoid, oid FROM pg_catalog.pg_class UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_namespace
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_proc UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_type
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_extension
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_operator
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_collation
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_conversion
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_cast UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_am
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_language
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_event_trigger
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_publication
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_foreign_data_wrapper
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_ts_config
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_ts_dict
                UNION ALL SELECT 'pg_catalog.pg_largeobject'::pg_catalog.regclass, oid
                            FROM pg_catalog.pg_largeobject_metadata) AS found(catalog, oid)
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(found.catalog, found.oid, 0) AS object
         WHERE (found.oid >= 16384 OR found.catalog = 'pg_catalog.pg_largeobject'::pg_catalog.regclass)
           AND object.type <> 'index'
         ORDER BY object.type = 'table' DESC LIMIT 1),
       EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = {mark}
                  AND pg_catalog.obj_description(oid, 'pg_namespace') LIKE {comment} || '%')

-- name: columns
-- Tables that rows can be copied from and into, each with the columns that are not generated.
SELECT pg_catalog.format('%I.%I', namespace.nspname, class.relname),
       pg_catalog.string_agg(pg_catalog.quote_ident(attribute.attname), E'\n' ORDER BY attribute.attname COLLATE "C")
  FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
  JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attnum > 0
                                           AND NOT attribute.attisdropped AND attribute.attgenerated = ''
 WHERE class.oid >= 16384 AND class.relkind = 'r' AND class.relpersistence <> 't'
   AND namespace.nspname NOT IN ({left_out}) AND pg_catalog.has_table_privilege(class.oid, 'SELECT')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND objid = class.oid AND deptype = 'e')
 GROUP BY class.oid, namespace.nspname, class.relname
 ORDER BY 1

-- name: unhook
-- What keeps rows from being copied in any order, as statements that take it away and that bring it back: triggers of
-- users, and foreign keys.
SELECT pg_catalog.format('ALTER TABLE %s DISABLE TRIGGER %I', trigger.tgrelid::pg_catalog.regclass, trigger.tgname),
       pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', trigger.tgrelid::pg_catalog.regclass,
           CASE trigger.tgenabled WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA'
                                  WHEN 'D' THEN 'DISABLE' ELSE 'ENABLE' END, trigger.tgname)
  FROM pg_catalog.pg_trigger AS trigger
 WHERE NOT trigger.tgisinternal
UNION ALL
SELECT pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', rule.conrelid::pg_catalog.regclass, rule.conname),
       pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', rule.conrelid::pg_catalog.regclass, rule.conname,
           pg_catalog.pg_get_constraintdef(rule.oid))
  FROM pg_catalog.pg_constraint AS rule
 WHERE rule.contype = 'f' AND rule.conparentid = 0

-- name: orphans
-- For each foreign key, the statement that deletes the rows whose parent is not there.
SELECT pg_catalog.format('DELETE FROM ONLY %s AS child WHERE %s AND NOT EXISTS (SELECT FROM %s AS parent WHERE %s)',
           rule.conrelid::pg_catalog.regclass,
           pg_catalog.string_agg(pg_catalog.format('child.%I IS NOT NULL', own.attname), ' AND '),
           rule.confrelid::pg_catalog.regclass,
           pg_catalog.string_agg(pg_catalog.format('parent.%I = child.%I', other.attname, own.attname), ' AND '))
  FROM pg_catalog.pg_constraint AS rule
 CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(rule.conkey), pg_catalog.unnest(rule.confkey)) AS pair(own, other)
  JOIN pg_catalog.pg_class AS class ON class.oid = rule.conrelid AND class.relkind = 'r'
  JOIN pg_catalog.pg_attribute AS own ON own.attrelid = rule.conrelid AND own.attnum = pair.own
  JOIN pg_catalog.pg_attribute AS other ON other.attrelid = rule.confrelid AND other.attnum = pair.other
 WHERE rule.contype = 'f'
 GROUP BY rule.oid, rule.conrelid, rule.confrelid

-- name: positions
-- Where the sequences are, as far as we may know.
SELECT pg_catalog.format('%I.%I', schemaname, sequencename), last_value FROM pg_catalog.pg_sequences
 WHERE last_value IS NOT NULL AND schemaname NOT IN ({left_out})
