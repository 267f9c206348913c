-- Where a migration that overwrites values keeps what was there before.
--
-- A changed structure can be changed back, but an UPDATE forgets. lower('Ann@Example.org') cannot be undone by
-- computing: only by having kept 'Ann@Example.org'. Migrations 005 and 006 write such before-images here, and their
-- down files read them.

CREATE TABLE value_history (
    migration   text   NOT NULL,
    table_name  text   NOT NULL,
    column_name text   NOT NULL,
    row_id      bigint NOT NULL,
    old_value   text,
    new_value   text,
    PRIMARY KEY (migration, table_name, column_name, row_id)
);

COMMENT ON TABLE value_history IS 'Values that migrations have overwritten; needed to roll them back.';
