-- E-mail addresses become lower case, once, and a constraint keeps them so: 'Ann@Example.org' and 'ann@example.org'
-- could be two accounts until now.
--
-- Where they are two accounts already, the UPDATE fails on the unique key (SQLSTATE 23505, the DETAIL shows the
-- address) and nothing has changed. Which of the two people is meant is not for a migration to guess.

-- Nobody may write between the two statements below: what is remembered must be what is overwritten. Reading goes on.
LOCK TABLE user_account IN SHARE ROW EXCLUSIVE MODE;

INSERT INTO value_history (migration, table_name, column_name, row_id, old_value, new_value)
SELECT 'lower_case_email', 'user_account', 'email', id, email, lower(email)
FROM user_account
WHERE email <> lower(email);

UPDATE user_account SET email = lower(email) WHERE email <> lower(email);

ALTER TABLE user_account ADD CONSTRAINT user_account_email_lower_case CHECK (email = lower(email));
