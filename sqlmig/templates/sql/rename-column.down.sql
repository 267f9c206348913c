-- The way back from ${title}.

ALTER TABLE ${table} RENAME COLUMN ${to} TO ${from};
