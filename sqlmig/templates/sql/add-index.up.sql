-- template: An index, built while others go on writing.
-- template key table name: the table, with its schema where it has one
-- template key columns elements: what it is on: email; "lower(email), created_at DESC"
-- template key unique flag optional: yes, where no two rows may be the same
-- template key method word(btree|hash|gist|gin|brin|spgist) optional: how it works; btree where it is not said
-- template key include columns optional: further columns that it holds
-- template key where expression optional: the rows that it holds
-- template key index column = ${table}_${columns}_idx: the name of the index
-- sqlmig: no-transaction
--
-- ${title}

CREATE $[UNIQUE${unique} ]INDEX CONCURRENTLY ${index} ON ${table}$[ USING ${method}] (${columns})$[ INCLUDE (${include})]$[ WHERE ${where}];
