-- template: Another name for a column.
-- template key table name: the table, with its schema where it has one
-- template key from column: the column as it is called
-- template key to column: the name that it gets
-- ${title}
--
-- What the database holds follows: indexes, constraints, views. What others send does not, nor do the texts of
-- functions: they have to know both names, or stand still.

ALTER TABLE ${table} RENAME COLUMN ${from} TO ${to};
