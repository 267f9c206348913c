-- The way back from ${title}.
--
-- PostgreSQL adds a value to an enum but never takes one away, so the type is built anew without it, and every column
-- of it is moved over, with its default; checks and indexes that name a value, and foreign keys, leave before and
-- return behind it. That rewrites those tables, and nobody reads them meanwhile.
--
-- Where rows hold the value (SQLSTATE 22P02), or a view, a function or the like depends on the type (2BP01, 0A000),
-- this fails and changes nothing. Which value such rows are to have instead is yours to say, in an UPDATE up here.

DO $rebuild$
DECLARE
    doomed CONSTANT text := ${value};
    type_oid CONSTANT oid := ${type.literal}::pg_catalog.regtype;
    array_oid oid;
    type_name text;
    spare_name text;
    labels text;
    before_it text[];
    behind_it text[];
    command text;
BEGIN
    SELECT pg_catalog.format('%I.%I', space.nspname, kind.typname), kind.typarray,
           pg_catalog.format('%I', 'sqlmig_' || type_oid::text)
      INTO STRICT type_name, array_oid, spare_name
      FROM pg_catalog.pg_type AS kind JOIN pg_catalog.pg_namespace AS space ON space.oid = kind.typnamespace
     WHERE kind.oid = type_oid;
    SELECT pg_catalog.string_agg(pg_catalog.quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
      INTO labels
      FROM pg_catalog.pg_enum WHERE enumtypid = type_oid AND enumlabel <> doomed;

    -- What stands in the way of the columns, and comes back behind them.
    WITH rules AS (
        SELECT rule.oid, rule.conrelid::pg_catalog.regclass AS owner, rule.conname,
               pg_catalog.pg_get_constraintdef(rule.oid) AS definition,
               pg_catalog.obj_description(rule.oid, 'pg_constraint') AS comment
          FROM pg_catalog.pg_constraint AS rule
         WHERE (rule.contype = 'c' AND rule.conrelid <> 0 AND rule.coninhcount = 0
                AND EXISTS (SELECT FROM pg_catalog.pg_depend AS link
                             WHERE link.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
                               AND link.objid = rule.oid
                               AND link.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
                               AND link.refobjid IN (type_oid, array_oid)))
            OR (rule.contype = 'f' AND rule.conparentid = 0
                AND EXISTS (SELECT FROM pg_catalog.pg_attribute AS part
                             WHERE part.attrelid = rule.conrelid AND part.attnum = ANY (rule.conkey)
                               AND part.atttypid IN (type_oid, array_oid)))
    ), indexes AS (
        SELECT index.indexrelid::pg_catalog.regclass AS name, pg_catalog.pg_get_indexdef(index.indexrelid) AS definition,
               pg_catalog.obj_description(index.indexrelid, 'pg_class') AS comment
          FROM pg_catalog.pg_index AS index
         WHERE EXISTS (SELECT FROM pg_catalog.pg_depend AS link
                        WHERE link.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND link.objid = index.indexrelid
                          AND link.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
                          AND link.refobjid IN (type_oid, array_oid))
    ), columns AS (
        SELECT owner.oid::pg_catalog.regclass AS owner, part.attname,
               CASE WHEN part.atttypid = array_oid THEN '[]' ELSE '' END AS dimensions,
               pg_catalog.pg_get_expr(value.adbin, value.adrelid) AS default_value
          FROM pg_catalog.pg_attribute AS part
          JOIN pg_catalog.pg_class AS owner ON owner.oid = part.attrelid AND owner.relkind IN ('r', 'p')
          LEFT JOIN pg_catalog.pg_attrdef AS value
                 ON value.adrelid = part.attrelid AND value.adnum = part.attnum AND part.attgenerated = ''
         WHERE part.atttypid IN (type_oid, array_oid) AND NOT part.attisdropped AND part.attinhcount = 0
    ), rights AS (
        SELECT kind.typacl IS NOT NULL AS are_set, kind.typowner::pg_catalog.regrole AS owner,
               pg_catalog.obj_description(kind.oid, 'pg_type') AS comment
          FROM pg_catalog.pg_type AS kind WHERE kind.oid = type_oid
    ), grants AS (
        SELECT CASE WHEN one.grantee = 0 THEN 'PUBLIC' ELSE one.grantee::pg_catalog.regrole::text END AS grantee,
               one.is_grantable
          FROM pg_catalog.pg_type AS kind, pg_catalog.aclexplode(kind.typacl) AS one
         WHERE kind.oid = type_oid AND one.grantee <> kind.typowner
    ), steps (step, command) AS (
        SELECT 1, pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I', owner, conname) FROM rules
        UNION ALL SELECT 1, pg_catalog.format('DROP INDEX %s', name) FROM indexes
        UNION ALL SELECT 1, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', owner, attname)
                    FROM columns WHERE default_value IS NOT NULL
        UNION ALL SELECT 2, pg_catalog.format('ALTER TYPE %s OWNER TO %s', type_name, owner)
                    FROM rights WHERE owner::oid <> current_user::pg_catalog.regrole::oid
        UNION ALL SELECT 2, pg_catalog.format('COMMENT ON TYPE %s IS %L', type_name, comment)
                    FROM rights WHERE comment IS NOT NULL
        UNION ALL SELECT 3, pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC', type_name) FROM rights WHERE are_set
        UNION ALL SELECT 4, pg_catalog.format('GRANT USAGE ON TYPE %s TO %s%s', type_name, grantee,
                           CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM grants
        UNION ALL SELECT 5, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE %s USING %I::text%s::%s', owner,
                           attname, type_name || dimensions, attname, dimensions, type_name || dimensions) FROM columns
        UNION ALL SELECT 6, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', owner, attname,
                           default_value) FROM columns WHERE default_value IS NOT NULL
        UNION ALL SELECT 6, pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', owner, conname, definition)
                    FROM rules
        UNION ALL SELECT 7, definition FROM indexes
        UNION ALL SELECT 8, pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, owner, comment)
                    FROM rules WHERE comment IS NOT NULL
        UNION ALL SELECT 8, pg_catalog.format('COMMENT ON INDEX %s IS %L', name, comment)
                    FROM indexes WHERE comment IS NOT NULL
    )
    SELECT pg_catalog.array_agg(steps.command) FILTER (WHERE step = 1),
           pg_catalog.array_agg(steps.command ORDER BY step) FILTER (WHERE step > 1)
      INTO before_it, behind_it
      FROM steps;

    FOREACH command IN ARRAY coalesce(before_it, '{}') LOOP
        EXECUTE command;
    END LOOP;
    EXECUTE pg_catalog.format('ALTER TYPE %s RENAME TO %s', type_name, spare_name);
    EXECUTE pg_catalog.format('CREATE TYPE %s AS ENUM (%s)', type_name, coalesce(labels, ''));
    FOREACH command IN ARRAY coalesce(behind_it, '{}') LOOP
        EXECUTE command;
    END LOOP;
    EXECUTE pg_catalog.format('DROP TYPE %s', type_oid::pg_catalog.regtype);
END
$rebuild$;
