-- template: A number that grows with each UPDATE of a row, so that nobody overwrites what he has not seen.
-- template key table name: the table, with its schema where it has one
-- template key column column = version: the new column
-- template key function name = ${table}_keep_${column}: the function of the trigger
-- template key trigger column = keep_${column}: the trigger
-- ${title}
--
-- Whoever saves sends the version that was read along, and is refused when the row has moved on. An UPDATE that does
-- not mention the version is taken as it is.

ALTER TABLE ${table} ADD COLUMN ${column} integer NOT NULL DEFAULT 1;

CREATE FUNCTION ${function}() RETURNS trigger
    LANGUAGE plpgsql
AS $function$
BEGIN
    IF NEW.${column} IS DISTINCT FROM OLD.${column} THEN
        RAISE EXCEPTION 'a row of % was changed by somebody else', TG_TABLE_NAME
            USING ERRCODE = 'serialization_failure',
                  DETAIL = format('You read version %s; it is at version %s now.', NEW.${column}, OLD.${column}),
                  HINT = 'Read the row again, then repeat the change.';
    END IF;
    NEW.${column} := OLD.${column} + 1;
    RETURN NEW;
END
$function$;

CREATE TRIGGER ${trigger} BEFORE UPDATE ON ${table}
    FOR EACH ROW EXECUTE FUNCTION ${function}();
