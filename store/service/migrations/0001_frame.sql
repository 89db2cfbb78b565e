-- The web service's own state; what a body issues lies in the body's file. Times are seconds since 1970-01-01T00:00:00Z, 0 = none.
-- "sealed" columns are AES-256-GCM under the service's data key.

-- Browser sessions. token is a keyed hash of what the browser holds; data is sealed.
CREATE TABLE sessions (
  token   BLOB    PRIMARY KEY CHECK (length(token) = 32),
  data    BLOB    NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_expires ON sessions (expires);

-- People who log in. subject is a keyed hash of (provider, subject); name is sealed. A session that began before since counts
-- for nothing.
CREATE TABLE accounts (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  subject  BLOB    NOT NULL UNIQUE CHECK (length(subject) = 32),
  name     BLOB    NOT NULL,
  made     INTEGER NOT NULL,
  since    INTEGER NOT NULL DEFAULT 0,
  disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1))
) STRICT;

-- What an account may do. body is '' for the roles that belong to no body. operator is the number in the body's register,
-- entitlement that of the holder's entitlement.
CREATE TABLE grants (
  account     INTEGER NOT NULL REFERENCES accounts (id),
  role        TEXT    NOT NULL,
  body        TEXT    NOT NULL,
  entitlement INTEGER NOT NULL DEFAULT 0,
  operator    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (account, role, body, entitlement)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_body ON grants (body, role);
