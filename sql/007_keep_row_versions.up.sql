-- Two people open the same row in a form, both save, and the second wipes out the work of the first. A version number
-- prevents that without holding a lock while they type (optimistic concurrency): whoever saves sends the version that
-- was read along, and is refused when the row has moved on.
--
--     UPDATE user_account SET email = 'ann@example.org', version = 7 WHERE id = 1;
--
-- An UPDATE that does not mention the version is taken as it is. Every UPDATE that goes through adds one.

-- One function serves all tables. The semicolons between $$ and $$ belong to its body and do not end the statement.
CREATE FUNCTION keep_row_version() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.version IS DISTINCT FROM OLD.version THEN
        RAISE EXCEPTION 'row % of % was changed by somebody else', OLD.id, TG_TABLE_NAME
            USING ERRCODE = 'serialization_failure',
                  DETAIL = format('You read version %s; it is at version %s now.', NEW.version, OLD.version),
                  HINT = 'Read the row again, then repeat the change.';
    END IF;
    NEW.version := OLD.version + 1;
    RETURN NEW;
END
$$;

ALTER TABLE user_account      ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE campaign_template ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE google_channel    ADD COLUMN version integer NOT NULL DEFAULT 1;

CREATE TRIGGER keep_row_version BEFORE UPDATE ON user_account
    FOR EACH ROW EXECUTE FUNCTION keep_row_version();
CREATE TRIGGER keep_row_version BEFORE UPDATE ON campaign_template
    FOR EACH ROW EXECUTE FUNCTION keep_row_version();
CREATE TRIGGER keep_row_version BEFORE UPDATE ON google_channel
    FOR EACH ROW EXECUTE FUNCTION keep_row_version();
