-- Undo in the opposite order: user_account holds the foreign key, so it goes before the role it refers to.
-- Written this way no CASCADE is needed. CASCADE would also drop whatever else has come to depend on these tables;
-- without it PostgreSQL refuses and names it.

DROP TABLE user_account;
DROP TABLE role;
