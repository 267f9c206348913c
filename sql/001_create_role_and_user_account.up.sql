-- People sign in with a user_account; what they may do depends on its role.
--
-- A migration is a pair of files with the same number and name. This one, ".up.sql", makes the change; its sibling,
-- ".down.sql", undoes it. sqlmig runs a file in one transaction, together with its own record that the migration was
-- applied: either all of it happens or none of it, so there is no BEGIN and no COMMIT here.

CREATE TABLE role (
    name        text    PRIMARY KEY,
    description text    NOT NULL,
    built_in    boolean NOT NULL DEFAULT false
);

COMMENT ON COLUMN role.built_in IS 'Comes with the application; roles that a customer adds are not built in.';

-- The table that is referred to comes first, the one with the foreign key second.
CREATE TABLE user_account (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text        NOT NULL UNIQUE,
    role       text        NOT NULL REFERENCES role (name),
    created_at timestamptz NOT NULL DEFAULT now()
);
