-- Log-in. Times are seconds since 1970-01-01T00:00:00Z, 0 = none; "sealed" as in 0001_frame.sql.

-- Invitations. token is a keyed hash of the code that the link carries. role is '' when the invitation only lets its account
-- enrol a first passkey again. account is the only one that may use it, 0 = whoever logs in first. made_by 0 is a command on
-- the host.
CREATE TABLE invitations (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  token    BLOB    NOT NULL UNIQUE CHECK (length(token) = 32),
  role     TEXT    NOT NULL,
  body     TEXT    NOT NULL,
  operator INTEGER NOT NULL DEFAULT 0,
  account  INTEGER NOT NULL DEFAULT 0,
  made_by  INTEGER NOT NULL,
  made     INTEGER NOT NULL,
  expires  INTEGER NOT NULL,
  used     INTEGER NOT NULL DEFAULT 0,
  used_by  INTEGER NOT NULL DEFAULT 0,
  ended    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX invitations_body ON invitations (body, id);

-- Passkeys. credential is a keyed hash of the credential's id; record (the public key, the counter) and name are sealed. cloned
-- is when the counter went backwards: such a key proves nothing any more.
CREATE TABLE passkeys (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    INTEGER NOT NULL REFERENCES accounts (id),
  credential BLOB    NOT NULL UNIQUE CHECK (length(credential) = 32),
  record     BLOB    NOT NULL,
  name       BLOB    NOT NULL,
  made       INTEGER NOT NULL,
  used       INTEGER NOT NULL DEFAULT 0,
  cloned     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX passkeys_account ON passkeys (account, id);

-- What administrators and owners did to accounts. mac is a keyed hash over the row before and this one, so that a changed,
-- removed or moved row shows. by and account are numbers of accounts, by 0 = a command on the host.
CREATE TABLE account_changes (
  seq      INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  by       INTEGER NOT NULL,
  account  INTEGER NOT NULL,
  what     TEXT    NOT NULL,
  role     TEXT    NOT NULL,
  body     TEXT    NOT NULL,
  number   INTEGER NOT NULL,
  mac      BLOB    NOT NULL CHECK (length(mac) = 32)
) STRICT;
CREATE INDEX account_changes_body ON account_changes (body, seq);
