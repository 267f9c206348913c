-- name: begin
-- Before a snapshot is read outside a transaction: everything that follows sees one moment, and nothing is written.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: begin_inside
-- The same in a transaction that is open: what is set goes again with the savepoint.
SAVEPOINT sqlmig_snapshot

-- name: end
COMMIT

-- name: end_inside
ROLLBACK TO SAVEPOINT sqlmig_snapshot; RELEASE SAVEPOINT sqlmig_snapshot

-- name: settings
-- What the words of a definition depend on (documentation, "Client Connection Defaults"), and what only costs time.
-- pg_temp is named so that it is searched last. pg_get_viewdef locks what a view reads: where somebody drops that,
-- we give up and start again before deadlock_timeout makes anybody else the victim.
SELECT pg_catalog.set_config(name, value, true)
  FROM (VALUES ('search_path', 'pg_catalog, pg_temp'), ('quote_all_identifiers', 'off'),
               ('standard_conforming_strings', 'on'), ('datestyle', 'ISO, YMD'), ('intervalstyle', 'postgres'),
               ('timezone', 'UTC'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('xmlbinary', 'base64'),
               ('xmloption', 'content'), ('lc_monetary', 'C'), ('statement_timeout', '0'), ('jit', 'off'),
               ('lock_timeout', '200ms'), ('client_encoding', {encoding}))
       AS setting (name, value)

-- name: catalogs
-- Every catalog of the server with its columns and whether we may read them, its primary key, what its columns refer to, and the columns that stand
-- in a unique key: a reference among them says what a row is a part of.
SELECT catalog.relname, catalog.oid, catalog.relisshared,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(attname, pg_catalog.format_type(atttypid, NULL),
                                                               attnotnull,
                    pg_catalog.has_column_privilege(attrelid, attnum, 'SELECT')) ORDER BY attnum)
          FROM pg_catalog.pg_attribute WHERE attrelid = catalog.oid AND attnum > 0 AND NOT attisdropped),
       (SELECT pg_catalog.json_agg(attname ORDER BY pg_catalog.array_position(indkey::int[], attnum::int))
          FROM pg_catalog.pg_index JOIN pg_catalog.pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
         WHERE indrelid = catalog.oid AND indisprimary),
       (SELECT pg_catalog.json_agg(DISTINCT attname)
          FROM pg_catalog.pg_index JOIN pg_catalog.pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
         WHERE indrelid = catalog.oid AND indisunique),
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(fkcols, target.relname, is_array))
          FROM pg_catalog.pg_get_catalog_foreign_keys() JOIN pg_catalog.pg_class AS target ON target.oid = pktable
         WHERE fktable = catalog.oid)
  FROM pg_catalog.pg_class AS catalog
 WHERE catalog.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND catalog.relkind = 'r'
 ORDER BY catalog.relname

-- name: roles
-- Roles and tablespaces belong to the whole server: they are only referred to.
SELECT oid, rolname FROM pg_catalog.pg_roles

-- name: tablespaces
-- See roles.
SELECT oid, spcname FROM pg_catalog.pg_tablespace

-- name: comments
-- Comments and security labels (kind 'l', with the provider); those that came with an extension are the extension's.
SELECT CASE WHEN note.provider IS NULL THEN 'c' ELSE 'l' END, note.classoid, note.objoid, note.objsubid, note.text,
       note.provider
  FROM (SELECT classoid, objoid, objsubid, description AS text, NULL AS provider FROM pg_catalog.pg_description
         WHERE objoid >= 16384 OR classoid IN ('pg_catalog.pg_namespace'::pg_catalog.regclass,
                                               'pg_catalog.pg_extension'::pg_catalog.regclass,
                                               'pg_catalog.pg_largeobject'::pg_catalog.regclass)
           AND description NOT IN ('system catalog schema', 'reserved schema for TOAST tables')
        UNION ALL SELECT classoid, objoid, objsubid, label, provider FROM pg_catalog.pg_seclabel
        UNION ALL SELECT classoid, objoid, 0, description, NULL FROM pg_catalog.pg_shdescription
         WHERE (classoid, objoid) IN (SELECT tableoid, oid FROM pg_catalog.pg_database
                                       WHERE datname = pg_catalog.current_database())
            OR classoid = 'pg_catalog.pg_subscription'::pg_catalog.regclass
        UNION ALL SELECT classoid, objoid, 0, label, provider FROM pg_catalog.pg_shseclabel
         WHERE (classoid, objoid) IN (SELECT tableoid, oid FROM pg_catalog.pg_database
                                       WHERE datname = pg_catalog.current_database())
            OR classoid = 'pg_catalog.pg_subscription'::pg_catalog.regclass) AS note
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS member WHERE member.classid = note.classoid
                    AND member.objid = note.objoid AND member.deptype = 'e')

-- name: own_comments
-- The comments on PostgreSQL's own objects, as one number: these OIDs are the same on every server of a major version.
SELECT 'pg_description', pg_catalog.sum(pg_catalog.hashtextextended(description, classoid::bigint * 4294967296 + objoid::bigint * 2048
                                                               + objsubid))
  FROM pg_catalog.pg_description WHERE objoid < 12000
   AND classoid <> 'pg_catalog.pg_namespace'::pg_catalog.regclass

-- name: dependencies
-- Which column owns a sequence, what goes with an extension without being a part of it, and what PostgreSQL made as a
-- part of something: the index of a constraint, the functions and the multirange type of a range type.
SELECT 'o', dependency.classid, dependency.objid, dependency.refclassid, dependency.refobjid, dependency.refobjsubid
  FROM pg_catalog.pg_class AS sequence
  JOIN pg_catalog.pg_depend AS dependency ON dependency.classid = sequence.tableoid
   AND dependency.objid = sequence.oid AND dependency.objsubid = 0 AND dependency.refclassid = sequence.tableoid
   AND dependency.refobjsubid > 0 AND dependency.deptype IN ('a', 'i')
 WHERE sequence.relkind = 'S'
UNION ALL
SELECT 'x', classid, objid, refclassid, refobjid, 0 FROM pg_catalog.pg_depend
 WHERE refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND deptype = 'x'
UNION ALL
SELECT 'i', classid, objid, refclassid, refobjid, 0 FROM pg_catalog.pg_depend
 WHERE refclassid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND deptype = 'i'
   AND classid = 'pg_catalog.pg_class'::pg_catalog.regclass
UNION ALL
SELECT 'i', dependency.classid, dependency.objid, dependency.refclassid, dependency.refobjid, 0
  FROM pg_catalog.pg_type AS range
  JOIN pg_catalog.pg_depend AS dependency ON dependency.refclassid = range.tableoid
   AND dependency.refobjid = range.oid AND dependency.deptype = 'i'
 WHERE range.typtype IN ('r', 'm') AND range.oid >= 16384

-- name: hidden
-- Schemas that are no part of the database's own schema: other sessions' temporary ones, and the history's.
SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass::oid, oid FROM pg_catalog.pg_namespace
 WHERE nspname ~ '^pg_(toast_)?temp_' OR nspname = 'pg_toast' OR nspname = {history}
UNION ALL
SELECT class.tableoid, class.oid FROM pg_catalog.pg_class AS class
  JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
 WHERE nspname ~ '^pg_(toast_)?temp_' OR nspname = {history}

-- name: composites
-- The relations that hold the columns of composite types.
SELECT oid, reltype FROM pg_catalog.pg_class WHERE relkind = 'c' AND oid >= 16384

-- name: not_null
-- Since PostgreSQL 18 these are constraints with names; they are told with their columns.
-- The name that PostgreSQL gives goes without saying.
SELECT conrelid, conkey[1], pg_catalog.json_build_object(
         'name', NULLIF(conname, relname || '_' || attname || '_not_null'), 'no inherit', connoinherit,
         'not valid', NOT convalidated, 'not local', NOT conislocal, 'inherited from', coninhcount)
  FROM pg_catalog.pg_constraint
  JOIN pg_catalog.pg_class ON pg_class.oid = conrelid
  JOIN pg_catalog.pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
 WHERE contype = 'n' AND conrelid >= 16384

-- name: members
-- What belongs to extensions.
SELECT classid, objid FROM pg_catalog.pg_depend
 WHERE refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND deptype = 'e'

-- name: additions
-- What a relation's description takes from elsewhere: the options of its toast table, the statistics targets of an
-- index's columns, and the triggers of a constraint that do not fire as usual.
SELECT 't', class.tableoid, class.oid, pg_catalog.to_json(toast.reloptions)::text
  FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_class AS toast ON toast.oid = class.reltoastrelid
 WHERE class.oid >= 16384 AND toast.reloptions IS NOT NULL
UNION ALL
SELECT 's', class.tableoid, class.oid,
       pg_catalog.json_object_agg(attribute.attnum, attribute.attstattarget ORDER BY attribute.attnum)::text
  FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = class.oid
 WHERE class.oid >= 16384 AND class.relkind IN ('i', 'I') AND attribute.attstattarget >= 0
 GROUP BY class.tableoid, class.oid
UNION ALL
SELECT 'f', 'pg_catalog.pg_constraint'::pg_catalog.regclass::oid, tgconstraint,
       pg_catalog.json_object_agg(proname || ' on ' || tgrelid::pg_catalog.regclass::text, tgenabled
                                  ORDER BY proname, tgrelid::pg_catalog.regclass::text)::text
  FROM pg_catalog.pg_trigger JOIN pg_catalog.pg_proc ON pg_proc.oid = tgfoid
 WHERE tgisinternal AND tgconstraint <> 0 AND tgenabled <> 'O'
 GROUP BY tgconstraint

-- name: identify
-- How to call objects that are not described: PostgreSQL's own, and members of extensions.
SELECT wanted.classid, wanted.objid, object.type, object.identity,
       object.schema = 'pg_temp' OR object.schema ~ '^pg_(toast_)?temp_' OR object.schema = pg_catalog.quote_ident({history})
  FROM ROWS FROM (pg_catalog.unnest(ARRAY[{classes}]::oid[]), pg_catalog.unnest(ARRAY[{objects}]::oid[]))
       AS wanted (classid, objid)
 CROSS JOIN LATERAL pg_catalog.pg_identify_object(wanted.classid, wanted.objid, 0) AS object
