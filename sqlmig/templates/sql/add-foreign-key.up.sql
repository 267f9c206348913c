-- template: A foreign key, checked without keeping writers out.
-- template key table name: the table that refers, with its schema where it has one
-- template key columns columns: its column, or columns with commas between them
-- template key references name: the table that is referred to
-- template key referenced columns = id: the columns there
-- template key on_delete word(NO ACTION|RESTRICT|CASCADE|SET NULL|SET DEFAULT) optional: what becomes of the rows
-- template key on_update word(NO ACTION|RESTRICT|CASCADE|SET NULL|SET DEFAULT) optional: what follows a changed key
-- template key constraint column = ${table}_${columns}_fkey: the name of the constraint
-- sqlmig: no-transaction
-- sqlmig: lock_timeout = 3s
--
-- ${title}
--
-- NOT VALID holds for new rows from here on and reads none; VALIDATE reads them all, while others go on writing. Each
-- commits by itself: in one transaction the lock of the first would last as long as the second.

ALTER TABLE ${table} ADD CONSTRAINT ${constraint}
    FOREIGN KEY (${columns}) REFERENCES ${references} (${referenced})$[ ON DELETE ${on_delete}]$[ ON UPDATE ${on_update}] NOT VALID;

ALTER TABLE ${table} VALIDATE CONSTRAINT ${constraint};
