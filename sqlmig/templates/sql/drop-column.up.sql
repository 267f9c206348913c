-- template: A column less. The way back makes it again as it is in the database now.
-- template reads the database
-- template key table name: the table, with its schema where it has one
-- template key column column: the column that goes
-- template key keep flag = yes: no, where what it holds is not to be kept for the way back
-- template key saved name = ${table}_${column}_saved: the table that keeps what it holds
-- ${title}
${losses}

${save}

ALTER TABLE ${table} DROP COLUMN ${column};
