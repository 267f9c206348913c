-- The way back from ${title}.

DROP TRIGGER ${trigger} ON ${table};

DROP FUNCTION ${function}();

ALTER TABLE ${table} DROP COLUMN ${column};
