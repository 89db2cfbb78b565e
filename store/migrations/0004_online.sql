-- One-time codes for checks online, and who checked whom. Times are seconds since 1970-01-01T00:00:00Z, 0 = none. Codes are
-- kept as keyed hashes only; "sealed" columns are AES-256-GCM under the body's data key.

-- used: 0 open, 1 used, 2 a newer code of the same ID came before it was used.
CREATE TABLE online_codes (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  idrow   INTEGER NOT NULL REFERENCES ids (id),
  link    BLOB    NOT NULL UNIQUE CHECK (length(link) = 32),
  digits  BLOB    NOT NULL UNIQUE CHECK (length(digits) = 32),
  made    INTEGER NOT NULL,
  expires INTEGER NOT NULL CHECK (expires > made),
  used    INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 2),
  closed  INTEGER NOT NULL DEFAULT 0
) STRICT;
-- One open code for each ID.
CREATE UNIQUE INDEX online_codes_open ON online_codes (idrow) WHERE used = 0;
CREATE INDEX online_codes_made ON online_codes (idrow, made);
CREATE INDEX online_codes_expires ON online_codes (expires);
-- What was used stays used.
CREATE TRIGGER online_codes_once BEFORE UPDATE OF used ON online_codes WHEN OLD.used <> 0
BEGIN SELECT RAISE(ABORT, 'this code is closed for ever'); END;

-- answer: 1 valid, 2 suspended, 3 revoked, 4 expired, 5 ended. mode: 1 yes or no, 2 full. means: 1 link, 2 digits.
CREATE TABLE online_checks (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  idrow  INTEGER NOT NULL REFERENCES ids (id),
  code   INTEGER NOT NULL UNIQUE, -- number of the code, whose row is forgotten earlier
  at     INTEGER NOT NULL,
  answer INTEGER NOT NULL CHECK (answer BETWEEN 1 AND 5),
  mode   INTEGER NOT NULL CHECK (mode BETWEEN 1 AND 2),
  means  INTEGER NOT NULL CHECK (means BETWEEN 1 AND 2),
  who    BLOB    NOT NULL -- sealed
) STRICT;
CREATE INDEX online_checks_idrow ON online_checks (idrow, id);
CREATE INDEX online_checks_at ON online_checks (at);

-- Wrong digits of somebody, or of all together, since start. who is a keyed hash.
CREATE TABLE online_tries (
  who   BLOB    PRIMARY KEY CHECK (length(who) = 32),
  start INTEGER NOT NULL,
  tries INTEGER NOT NULL CHECK (tries >= 1)
) STRICT, WITHOUT ROWID;
