-- The way back from ${title}: the column goes, with all that it holds.

ALTER TABLE ${table} DROP COLUMN ${column};
