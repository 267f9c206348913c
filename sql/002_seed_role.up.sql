-- Rows that the application cannot do without, inserted once.
--
-- The key is a word that is the same in every database, not a number from a sequence: other migrations can rely on
-- it, and the down file knows which rows are meant. A role of that name which somebody has created by hand is left as
-- it is, and is not marked as built in.

INSERT INTO role (name, description, built_in) VALUES
    ('admin',  'Manages accounts and everything below', true),
    ('editor', 'Creates and changes campaigns',         true),
    ('viewer', 'Reads campaigns and reports',           true)
ON CONFLICT (name) DO NOTHING;
