-- template: A column with a value in every row, NOT NULL, without locking the table while it is filled.
-- template key table name: the table, with its schema where it has one
-- template key column column: the new column
-- template key type type: its type: text, numeric(10, 2), app.status
-- template key value expression: what a row gets: an expression over it, or SELECT ... that returns one value
-- template key default expression optional: its default, for rows that are written later
-- template key constraint column = ${table}_${column}_filled: the name of a constraint that is there for a moment
-- sqlmig: no-transaction
-- sqlmig: lock_timeout = 3s
--
-- ${title}
--
-- Each statement commits by itself, so that none holds a strong lock while rows are read or written. Where one fails,
-- because a row has no value, say, the next apply goes on there.

ALTER TABLE ${table} ADD COLUMN ${column} ${type};

$[ALTER TABLE ${table} ALTER COLUMN ${column} SET DEFAULT ${default};]

UPDATE ${table} SET ${column} = ${value} WHERE ${column} IS NULL;

-- SET NOT NULL alone would read the whole table under a lock that keeps readers out. It believes a valid CHECK, and
-- VALIDATE reads while others go on reading and writing.
ALTER TABLE ${table} ADD CONSTRAINT ${constraint} CHECK (${column} IS NOT NULL) NOT VALID;

ALTER TABLE ${table} VALIDATE CONSTRAINT ${constraint};

ALTER TABLE ${table} ALTER COLUMN ${column} SET NOT NULL;

ALTER TABLE ${table} DROP CONSTRAINT ${constraint};
