-- template: A table with an id that counts by itself.
-- template key table name: the table, with its schema where it has one
-- template key id column = id: the column that counts
-- template key columns definitions optional: its other columns: "name text NOT NULL, total numeric"
-- template key comment text optional: what the table is for
-- ${title}

CREATE TABLE ${table} (
    ${id} bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY$[,
    ${columns.lines}]
);

$[COMMENT ON TABLE ${table} IS ${comment};]
