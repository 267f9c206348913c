-- name: begin
-- Begins to read: what the table is that a name means. From here on names are written with their schemas.
BEGIN TRANSACTION READ ONLY ISOLATION LEVEL REPEATABLE READ;
{role}
SELECT owner.oid, pg_catalog.format('%I.%I', space.nspname, owner.relname), owner.relkind
  FROM pg_catalog.pg_class AS owner
  JOIN pg_catalog.pg_namespace AS space ON space.oid = owner.relnamespace
 WHERE owner.oid = pg_catalog.to_regclass({table});
SET LOCAL search_path = ''

-- name: column
-- One column as ADD COLUMN makes it.
SELECT part.attnum,
       pg_catalog.format_type(part.atttypid, part.atttypmod),
       CASE WHEN part.attcollation <> kind.typcollation
            THEN (SELECT pg_catalog.format(' COLLATE %I.%I', place.nspname, c.collname)
                    FROM pg_catalog.pg_collation AS c
                    JOIN pg_catalog.pg_namespace AS place ON place.oid = c.collnamespace
                   WHERE c.oid = part.attcollation) ELSE '' END,
       pg_catalog.pg_get_expr(value.adbin, value.adrelid),
       part.attgenerated, part.attidentity, part.attnotnull,
       part.attinhcount > 0 OR EXISTS (SELECT FROM pg_catalog.pg_partitioned_table AS p
                                        WHERE p.partrelid = part.attrelid AND part.attnum = ANY (p.partattrs)),
       EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = part.attrelid),
       EXISTS (SELECT FROM pg_catalog.pg_attribute AS later
                WHERE later.attrelid = part.attrelid AND later.attnum > part.attnum AND NOT later.attisdropped)
  FROM pg_catalog.pg_attribute AS part
  JOIN pg_catalog.pg_type AS kind ON kind.oid = part.atttypid
  LEFT JOIN pg_catalog.pg_attrdef AS value ON value.adrelid = part.attrelid AND value.adnum = part.attnum
 WHERE part.attrelid = {table} AND part.attname = {column} AND part.attnum > 0 AND NOT part.attisdropped

-- name: dependents
-- What keeps DROP COLUMN from working without CASCADE, in words.
SELECT DISTINCT pg_catalog.pg_describe_object(link.classid, link.objid, link.objsubid)
  FROM pg_catalog.pg_depend AS link
 WHERE link.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND link.refobjid = {table}
   AND link.refobjsubid = {number} AND link.deptype = 'n'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS own
                    WHERE own.classid = link.classid AND own.objid = link.objid
                      AND own.refclassid = link.refclassid AND own.refobjid = link.refobjid
                      AND own.refobjsubid = {number} AND own.deptype IN ('a', 'i'))
 ORDER BY 1

-- name: triggers
-- Triggers of the table that see an UPDATE of every row.
SELECT pg_catalog.quote_ident(tgname) FROM pg_catalog.pg_trigger
 WHERE tgrelid = {table} AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 16 <> 0 ORDER BY 1

-- name: key
-- The columns of the primary key, else of another key that every row has, without the column: with and without quotes.
SELECT pg_catalog.string_agg(pg_catalog.quote_ident(part.attname), ', ' ORDER BY place.number),
       pg_catalog.string_agg('saved.' || pg_catalog.quote_ident(part.attname), ', ' ORDER BY place.number),
       pg_catalog.string_agg('owner.' || pg_catalog.quote_ident(part.attname), ', ' ORDER BY place.number)
  FROM pg_catalog.pg_index AS index
 CROSS JOIN LATERAL pg_catalog.unnest(index.indkey::int2[]) WITH ORDINALITY AS place (attnum, number)
  JOIN pg_catalog.pg_attribute AS part ON part.attrelid = index.indrelid AND part.attnum = place.attnum
 WHERE index.indrelid = {table} AND index.indisunique AND index.indisvalid AND index.indpred IS NULL
   AND index.indexprs IS NULL AND index.indimmediate AND place.number <= index.indnkeyatts
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS bad
                    WHERE bad.attrelid = index.indrelid AND bad.attnum = ANY (index.indkey::int2[])
                      AND (NOT bad.attnotnull OR bad.attnum = {number}))
 GROUP BY index.indexrelid, index.indisprimary
 ORDER BY index.indisprimary DESC, index.indexrelid
 LIMIT 1

-- name: sequence
-- The sequence that the column owns: its name, its options, whether it is an identity's, who owns it.
SELECT pg_catalog.format('%I.%I', space.nspname, class.relname),
       pg_catalog.format('INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s CACHE %s%s', seq.seqincrement, seq.seqmin,
           seq.seqmax, seq.seqstart, seq.seqcache, CASE WHEN seq.seqcycle THEN ' CYCLE' ELSE ' NO CYCLE' END),
       pg_catalog.format_type(seq.seqtypid, NULL), link.deptype = 'i', seq.seqstart,
       CASE WHEN class.relowner <> current_user::pg_catalog.regrole THEN class.relowner::pg_catalog.regrole::text END,
       pg_catalog.obj_description(class.oid, 'pg_class'), class.relpersistence = 'u', seq.seqincrement < 0
  FROM pg_catalog.pg_depend AS link
  JOIN pg_catalog.pg_class AS class ON class.oid = link.objid AND class.relkind = 'S'
  JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
  JOIN pg_catalog.pg_sequence AS seq ON seq.seqrelid = class.oid
 WHERE link.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND link.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND link.refobjid = {table} AND link.refobjsubid = {number} AND link.deptype IN ('a', 'i')

-- name: sequence_rights
-- What others may do with the column's own sequence, as statements.
SELECT pg_catalog.format('GRANT %s ON SEQUENCE {sequence} TO %s%s', one.privilege_type,
           CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE one.grantee::pg_catalog.regrole::text END,
           CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_catalog.pg_class AS class, pg_catalog.aclexplode(class.relacl) AS one
 WHERE class.oid = {name}::pg_catalog.regclass AND one.grantee <> class.relowner
 ORDER BY 1

-- name: details
-- What ADD COLUMN does not say of a column, as statements, in their order.
WITH part AS (
    SELECT part.*, pg_catalog.to_jsonb(part) AS everything, kind.typstorage
      FROM pg_catalog.pg_attribute AS part JOIN pg_catalog.pg_type AS kind ON kind.oid = part.atttypid
     WHERE part.attrelid = {table} AND part.attnum = {number}
)
SELECT 1, pg_catalog.format('ALTER TABLE {owner} ALTER COLUMN %I SET STORAGE %s', attname,
              CASE attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
  FROM part WHERE attstorage <> typstorage
UNION ALL
SELECT 2, pg_catalog.format('ALTER TABLE {owner} ALTER COLUMN %I SET COMPRESSION %s', attname,
              CASE everything ->> 'attcompression' WHEN 'p' THEN 'pglz' ELSE 'lz4' END)
  FROM part WHERE everything ->> 'attcompression' <> ''
UNION ALL
SELECT 3, pg_catalog.format('ALTER TABLE {owner} ALTER COLUMN %I SET STATISTICS %s', attname, attstattarget)
  FROM part WHERE attstattarget >= 0
UNION ALL
SELECT 4, pg_catalog.format('ALTER TABLE {owner} ALTER COLUMN %I SET (%s)', attname,
              pg_catalog.array_to_string(attoptions, ', '))
  FROM part WHERE attoptions IS NOT NULL
UNION ALL
SELECT 5, pg_catalog.format('COMMENT ON COLUMN {owner}.%I IS %L', attname,
              pg_catalog.col_description({table}, {number}))
  FROM part WHERE pg_catalog.col_description({table}, {number}) IS NOT NULL
UNION ALL
SELECT 6, pg_catalog.format('GRANT %s (%I) ON {owner} TO %s%s', one.privilege_type, attname,
              CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE one.grantee::pg_catalog.regrole::text END,
              CASE WHEN one.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM part, pg_catalog.aclexplode(part.attacl) AS one
 ORDER BY 1, 2

-- name: around
-- Constraints, indexes and statistics that go with a column, as statements, in their order. A NOT NULL of the name that
-- SET NOT NULL gives it is left to that: servers before 18 know no other.
WITH rules AS (
    SELECT rule.*, pg_catalog.pg_get_constraintdef(rule.oid) AS definition
      FROM pg_catalog.pg_constraint AS rule
     WHERE rule.conrelid = {table} AND rule.contype IN ('p', 'u', 'x', 'c', 'f', 'n') AND rule.coninhcount = 0
       AND {number} = ANY (rule.conkey)
       AND NOT (rule.contype = 'n' AND rule.convalidated AND NOT rule.connoinherit AND rule.conname = (
            SELECT (owner.relname || '_' || part.attname || '_not_null')::name
              FROM pg_catalog.pg_class AS owner JOIN pg_catalog.pg_attribute AS part ON part.attrelid = owner.oid
             WHERE owner.oid = {table} AND part.attnum = {number}))
), indexes AS (
    SELECT index.*, class.relname, class.reltablespace, space.nspname, pg_catalog.pg_get_indexdef(index.indexrelid) AS definition,
           (SELECT rule.conname FROM pg_catalog.pg_constraint AS rule
             WHERE rule.conindid = index.indexrelid AND rule.contype IN ('p', 'u', 'x') LIMIT 1) AS rule
      FROM pg_catalog.pg_index AS index
      JOIN pg_catalog.pg_class AS class ON class.oid = index.indexrelid
      JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
     WHERE index.indrelid = {table}
       AND ({number} = ANY (index.indkey::int2[])
            OR EXISTS (SELECT FROM pg_catalog.pg_depend AS link
                        WHERE link.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND link.objid = index.indexrelid
                          AND link.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                          AND link.refobjid = {table} AND link.refobjsubid = {number}))
), parts AS (
    SELECT indexes.nspname, indexes.relname, part.attnum, part.attstattarget
      FROM indexes JOIN pg_catalog.pg_attribute AS part ON part.attrelid = indexes.indexrelid
     WHERE part.attstattarget >= 0
), statistics AS (
    SELECT stat.oid, (pg_catalog.to_jsonb(stat) ->> 'stxstattarget')::integer AS target, space.nspname, stat.stxname, pg_catalog.pg_get_statisticsobjdef(stat.oid) AS definition
      FROM pg_catalog.pg_statistic_ext AS stat
      JOIN pg_catalog.pg_namespace AS space ON space.oid = stat.stxnamespace
     WHERE stat.stxrelid = {table}
       AND EXISTS (SELECT FROM pg_catalog.pg_depend AS link
                    WHERE link.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass AND link.objid = stat.oid
                      AND link.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND link.refobjid = {table} AND link.refobjsubid = {number})
)
SELECT CASE contype WHEN 'n' THEN 1 WHEN 'c' THEN 3 WHEN 'f' THEN 4 ELSE 2 END, conname::text COLLATE "C",
       pg_catalog.format('ALTER TABLE {owner} ADD CONSTRAINT %I %s', conname, definition)
  FROM rules
UNION ALL
SELECT 5, relname, pg_catalog.regexp_replace(definition, ' ON ONLY ', ' ON ') FROM indexes WHERE rule IS NULL
UNION ALL
SELECT 6, stxname, definition FROM statistics
UNION ALL
SELECT 7, relname, pg_catalog.format('ALTER INDEX %I.%I SET TABLESPACE %I', nspname, relname, spcname)
  FROM indexes JOIN pg_catalog.pg_tablespace AS place ON place.oid = indexes.reltablespace
UNION ALL
SELECT 7, relname, pg_catalog.format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', nspname, relname, attnum,
           attstattarget)
  FROM parts
UNION ALL
SELECT 7, stxname, pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', nspname, stxname, target)
  FROM statistics WHERE target >= 0
UNION ALL
SELECT 7, conname, pg_catalog.format('COMMENT ON CONSTRAINT %I ON {owner} IS %L', conname,
           pg_catalog.obj_description(oid, 'pg_constraint'))
  FROM rules WHERE pg_catalog.obj_description(oid, 'pg_constraint') IS NOT NULL
UNION ALL
SELECT 7, relname, pg_catalog.format('COMMENT ON INDEX %I.%I IS %L', nspname, relname,
           pg_catalog.obj_description(indexrelid, 'pg_class'))
  FROM indexes WHERE pg_catalog.obj_description(indexrelid, 'pg_class') IS NOT NULL
UNION ALL
SELECT 7, stxname, pg_catalog.format('COMMENT ON STATISTICS %I.%I IS %L', nspname, stxname,
           pg_catalog.obj_description(oid, 'pg_statistic_ext'))
  FROM statistics WHERE pg_catalog.obj_description(oid, 'pg_statistic_ext') IS NOT NULL
UNION ALL
SELECT 8, relname, pg_catalog.format('ALTER TABLE {owner} CLUSTER ON %I', relname) FROM indexes WHERE indisclustered
UNION ALL
SELECT 9, relname, pg_catalog.format('ALTER TABLE {owner} REPLICA IDENTITY USING INDEX %I', relname)
  FROM indexes WHERE indisreplident
 ORDER BY 1, 2

-- name: save
-- For the file that drops a column: what it holds is kept.
LOCK TABLE {owner} IN ACCESS EXCLUSIVE MODE;

CREATE TABLE {saved} AS SELECT {key}, {column} FROM {owner};

ALTER TABLE {saved} ADD PRIMARY KEY ({key});

COMMENT ON TABLE {saved} IS 'What a column held that a migration dropped; needed to roll it back.';

-- name: fill
-- For the way back: what it held is given back.
UPDATE {owner} AS owner SET {column} = saved.{column}
FROM {saved} AS saved WHERE ({of_saved}) = ({of_owner})

-- name: number
-- For the way back of an identity: rows that were written while the column was gone get the next numbers.
UPDATE {owner} AS owner SET {column} = fresh.number
FROM (SELECT ctid, coalesce((SELECT max({column}) FROM {owner}), 0) + row_number() OVER () AS number
      FROM {owner} WHERE {column} IS NULL) AS fresh
WHERE owner.ctid = fresh.ctid

-- name: go_on
-- For the way back: a sequence goes on behind the last number in use.
SELECT setval({sequence}, coalesce({last}, {start}), {last} IS NOT NULL) FROM {owner}
