-- Gives back each address exactly as it was written before the up file ran, from the before-images.
-- An address that was changed since then is left alone: the newer value is the one its owner wants.

ALTER TABLE user_account DROP CONSTRAINT user_account_email_lower_case;

UPDATE user_account
SET email = value_history.old_value
FROM value_history
WHERE value_history.migration = 'lower_case_email'
  AND value_history.row_id = user_account.id
  AND value_history.new_value = user_account.email;

-- These before-images have served; applying again writes new ones.
DELETE FROM value_history WHERE migration = 'lower_case_email';
