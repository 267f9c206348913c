-- The way back from ${title}: the table goes, with all that it holds.

DROP TABLE ${table};
