-- template: A change of data that can be undone: what is overwritten is kept.
-- template key table name: the table, with its schema where it has one
-- template key columns columns: the columns that change
-- template key values expressions: what they become, in the same order: "lower(email)"
-- template key where expression = true: the rows that change
-- template key key columns = id: what tells one row from another; stays as it is
-- template key history name = ${table}_before_${columns}: the table that keeps what was there
-- ${title}
--
-- An UPDATE forgets. What was there before it, and what it made of it, is kept until the way back has served or is not
-- wanted any more.

-- Nobody may write meanwhile: what is kept has to be what is overwritten. Reading goes on.
LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE ${history} AS
SELECT 'before' AS sqlmig_image, ${key}, ${columns} FROM ${table} WHERE ${where};

UPDATE ${table} SET (${columns}) = ROW(${values})
WHERE (${key}) IN (SELECT ${key} FROM ${history});

INSERT INTO ${history}
SELECT 'after', ${key}, ${columns} FROM ${table}
WHERE (${key}) IN (SELECT ${key} FROM ${history});

ALTER TABLE ${history} ADD PRIMARY KEY (sqlmig_image, ${key});

COMMENT ON TABLE ${history} IS 'What a migration has overwritten; needed to roll it back.';
