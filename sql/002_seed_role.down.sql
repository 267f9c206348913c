-- Takes back only what the up file put there: a role that somebody created by hand is not built in and stays.
-- A role that an account uses stays too. Its row cannot go without the account's, and accounts are not ours to delete;
-- applying again finds it and leaves it alone.

DELETE FROM role
WHERE name IN ('admin', 'editor', 'viewer')
  AND built_in
  AND NOT EXISTS (SELECT FROM user_account WHERE user_account.role = role.name);
