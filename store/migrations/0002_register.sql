-- People, entitlements, plans, operators, slips and enrolments of one body. Times are seconds since
-- 1970-01-01T00:00:00Z, 0 = none. "sealed" columns are AES-256-GCM under the body's data key.

-- kinds: 1 РНОКПП, 2 УНЗР, 3 staff number. Keys are keyed hashes.
CREATE TABLE persons (
  id     INTEGER PRIMARY KEY,
  key    BLOB    NOT NULL UNIQUE CHECK (length(key) = 32),
  kind   INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
  rnokpp BLOB,   -- sealed
  unzr   BLOB    -- sealed
) STRICT;

-- One row for each (person, post). status: 1 active, 2 suspended, 3 left. origin: 1 plan, 2 manual entry.
CREATE TABLE entitlements (
  id      INTEGER PRIMARY KEY,
  person  INTEGER NOT NULL REFERENCES persons (id),
  post    TEXT    NOT NULL,
  status  INTEGER NOT NULL CHECK (status BETWEEN 1 AND 3),
  origin  INTEGER NOT NULL CHECK (origin BETWEEN 1 AND 2),
  number  INTEGER NOT NULL,
  blocked INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
  paused  INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)), -- a plan suspended the ID
  key_rnokpp BLOB CHECK (key_rnokpp IS NULL OR length(key_rnokpp) = 32),
  key_unzr   BLOB CHECK (key_unzr IS NULL OR length(key_unzr) = 32),
  key_staff  BLOB CHECK (key_staff IS NULL OR length(key_staff) = 32),
  record  BLOB    NOT NULL, -- sealed
  UNIQUE (person, post)
) STRICT;

-- state: 1 waiting for a second person, 2 done, 3 ended by a newer plan.
CREATE TABLE plans (
  number  INTEGER PRIMARY KEY CHECK (number >= 1),
  hash    BLOB    NOT NULL CHECK (length(hash) = 32),
  state   INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
  made    INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  applied INTEGER NOT NULL,
  items   INTEGER NOT NULL,
  held    INTEGER NOT NULL,
  waiting TEXT    NOT NULL, -- JSON: indices of the items that wait
  people  INTEGER NOT NULL,
  as_of   TEXT    NOT NULL -- РРРР-ММ-ДД or empty
) STRICT;

-- Numbers used by approved things: none takes effect twice.
CREATE TABLE actions (
  kind   INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
  number INTEGER NOT NULL CHECK (number >= 1),
  hash   BLOB    NOT NULL CHECK (length(hash) = 32),
  at     INTEGER NOT NULL,
  PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE operators (
  id      INTEGER PRIMARY KEY,
  name    BLOB    NOT NULL, -- sealed
  person  BLOB    NOT NULL CHECK (length(person) = 32),
  key     BLOB    NOT NULL UNIQUE,
  roles   INTEGER NOT NULL CHECK (roles BETWEEN 1 AND 3),
  added   INTEGER NOT NULL,
  removed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX operators_person ON operators (person) WHERE removed = 0;

CREATE TABLE approvals (
  kind     INTEGER NOT NULL,
  number   INTEGER NOT NULL,
  operator INTEGER NOT NULL REFERENCES operators (id),
  part     INTEGER NOT NULL CHECK (part BETWEEN 1 AND 2),
  at       INTEGER NOT NULL,
  bytes    BLOB    NOT NULL,
  PRIMARY KEY (kind, number, operator)
) STRICT, WITHOUT ROWID;

-- state: 1 open, 2 used, 3 blocked, 4 replaced, 5 stopped, 6 ended. code and stop are keyed hashes.
CREATE TABLE slips (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  entitlement INTEGER NOT NULL REFERENCES entitlements (id),
  code        BLOB    NOT NULL UNIQUE CHECK (length(code) = 32),
  stop        BLOB    NOT NULL UNIQUE CHECK (length(stop) = 32),
  made        INTEGER NOT NULL,
  expires     INTEGER NOT NULL,
  closed      INTEGER NOT NULL DEFAULT 0,
  tries       INTEGER NOT NULL DEFAULT 0,
  state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 6)
) STRICT;
CREATE INDEX slips_entitlement ON slips (entitlement);
CREATE UNIQUE INDEX slips_open ON slips (entitlement) WHERE state = 1;

-- A holder key belongs to one person for ever.
CREATE TABLE holder_keys (
  thumb  BLOB PRIMARY KEY CHECK (length(thumb) = 32),
  person INTEGER NOT NULL REFERENCES persons (id)
) STRICT, WITHOUT ROWID;

-- state: 1 live, 2 withdrawn, 3 replaced, 4 ended.
CREATE TABLE enrolments (
  id          INTEGER PRIMARY KEY,
  entitlement INTEGER NOT NULL REFERENCES entitlements (id),
  slip        INTEGER NOT NULL UNIQUE REFERENCES slips (id),
  holder      BLOB    NOT NULL,
  thumb       BLOB    NOT NULL CHECK (length(thumb) = 32),
  at          INTEGER NOT NULL,
  ended       INTEGER NOT NULL DEFAULT 0,
  state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4)
) STRICT;
CREATE INDEX enrolments_entitlement ON enrolments (entitlement);
-- One wish for each (person, post).
CREATE UNIQUE INDEX enrolments_live ON enrolments (entitlement) WHERE state = 1;
