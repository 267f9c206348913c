-- template: A column. With a constant default it rewrites no row.
-- template key table name: the table, with its schema where it has one
-- template key column column: the new column
-- template key type type: its type: text, numeric(10, 2), app.status
-- template key default expression optional: its default
-- template key not_null flag optional: yes, where it has to have a value; needs a default where there are rows
-- template key comment text optional: what the column is for
-- ${title}

ALTER TABLE ${table} ADD COLUMN ${column} ${type}$[ DEFAULT ${default}]$[ NOT NULL${not_null}];

$[COMMENT ON COLUMN ${table}.${column} IS ${comment};]
