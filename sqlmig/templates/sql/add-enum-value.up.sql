-- template: One more value of an enum type.
-- template key type name: the type, with its schema where it has one
-- template key value text: the new value
-- template key before text optional: the value that it goes before
-- template key after text optional: the value that it goes behind
-- template either before or after
-- ${title}
--
-- No row may have the value before this has committed (SQLSTATE 55P04): what uses it is another migration.

ALTER TYPE ${type} ADD VALUE ${value}$[ BEFORE ${before}]$[ AFTER ${after}];
