-- name: drop_everything
-- Every object of this database that is not PostgreSQL's own, an extension's member, or the history itself.
-- pg_depend knows what is in a schema, and pg_identify_object how to call it (documentation, "System Information
-- Functions", object information); a kind that is dropped with its owner is gone when its turn comes. Sorted, so that
-- all are named before the first is dropped.
DO $sqlmig$
DECLARE
    victim record;
BEGIN
    FOR victim IN SELECT pg_catalog.format('DROP EVENT TRIGGER IF EXISTS %I CASCADE', evtname) AS command
                    FROM pg_catalog.pg_event_trigger WHERE oid >= 16384
        UNION ALL SELECT pg_catalog.format('DROP PUBLICATION IF EXISTS %I CASCADE', pubname)
                    FROM pg_catalog.pg_publication WHERE oid >= 16384
        UNION ALL SELECT pg_catalog.format('DROP EXTENSION IF EXISTS %I CASCADE', extname)
                    FROM pg_catalog.pg_extension WHERE extname <> 'plpgsql'
        UNION ALL SELECT pg_catalog.format('DROP FOREIGN DATA WRAPPER IF EXISTS %I CASCADE', fdwname)
                    FROM pg_catalog.pg_foreign_data_wrapper WHERE oid >= 16384
        UNION ALL SELECT pg_catalog.format('DROP SCHEMA IF EXISTS %I CASCADE', nspname)
                    FROM pg_catalog.pg_namespace
                   WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'public', {schema_name})
                     AND nspname !~ '^pg_(toast|temp)'
    LOOP
        EXECUTE victim.command;
    END LOOP;
    FOR victim IN
        SELECT depend.classid, depend.objid, object.type, object.identity
          FROM pg_catalog.pg_depend AS depend
          JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = depend.refobjid
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(depend.classid, depend.objid, 0) AS object
         WHERE depend.refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND depend.deptype = 'n'
           AND namespace.nspname IN ('public', {schema_name})
           AND object.type NOT IN ('default acl', 'index')
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS part WHERE part.classid = depend.classid
                            AND part.objid = depend.objid AND part.deptype IN ('i', 'P')
                            AND (part.refclassid <> part.classid OR part.refobjid <> part.objid))
           AND NOT (namespace.nspname = {schema_name} AND object.name IS NOT NULL
                    AND object.name IN ('migration', 'event', 'format', 'snapshot'))
        UNION ALL
        SELECT other.classid, other.objid, object.type, object.identity
          FROM (SELECT tableoid AS classid, oid AS objid FROM pg_catalog.pg_cast
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_transform
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_language
                UNION ALL SELECT tableoid, oid FROM pg_catalog.pg_am) AS other
         CROSS JOIN LATERAL pg_catalog.pg_identify_object(other.classid, other.objid, 0) AS object
         WHERE other.objid >= 16384
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS member WHERE member.classid = other.classid
                            AND member.objid = other.objid AND member.deptype = 'e')
        ORDER BY 1, 2
    LOOP
        EXECUTE pg_catalog.format('DROP %s IF EXISTS %s CASCADE',
            CASE victim.type WHEN 'composite type' THEN 'type' WHEN 'statistics object' THEN 'statistics'
                             ELSE victim.type END,
            victim.identity);
    END LOOP;
    PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
END
$sqlmig$
