-- One body's issuing state. Times are seconds since 1970-01-01T00:00:00Z, 0 = none.

CREATE TABLE body (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  edrpou      TEXT    NOT NULL CHECK (length(edrpou) = 8),
  name        TEXT    NOT NULL,
  name_en     TEXT    NOT NULL,
  created     INTEGER NOT NULL,
  next_number INTEGER NOT NULL CHECK (next_number >= 1),
  published   INTEGER NOT NULL DEFAULT 0,
  audit_seq   INTEGER NOT NULL DEFAULT 0,
  audit_hash  BLOB    NOT NULL CHECK (length(audit_hash) = 32)
) STRICT;

CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- States: 1 pending, 2 issued, 3 suspended, 4 revoked, 5 expired, 6 replaced, 7 abandoned.
CREATE TABLE ids (
  id          INTEGER PRIMARY KEY,
  serial      BLOB    NOT NULL UNIQUE CHECK (length(serial) = 16),
  entitlement INTEGER NOT NULL,
  number      TEXT    NOT NULL,
  holder      BLOB    NOT NULL CHECK (length(holder) = 32),
  profile     BLOB    NOT NULL CHECK (length(profile) = 32),
  state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
  renewal     INTEGER NOT NULL,
  issued      INTEGER NOT NULL DEFAULT 0,
  expires     INTEGER NOT NULL DEFAULT 0,
  changed     INTEGER NOT NULL
) STRICT;
-- One live ID for each (person, post).
CREATE UNIQUE INDEX ids_live ON ids (entitlement) WHERE state IN (2, 3);
-- What has ended stays ended.
CREATE TRIGGER ids_final BEFORE UPDATE OF state ON ids WHEN OLD.state >= 4
BEGIN SELECT RAISE(ABORT, 'state of this ID is final'); END;

-- The decision to issue. Stages: 1 prepared, 2 issued, 3 abandoned.
CREATE TABLE intents (
  entitlement INTEGER NOT NULL,
  renewal     INTEGER NOT NULL,
  holder      BLOB    NOT NULL CHECK (length(holder) = 32),
  profile     BLOB    NOT NULL CHECK (length(profile) = 32),
  id          INTEGER NOT NULL REFERENCES ids (id),
  fresh       INTEGER NOT NULL CHECK (fresh IN (0, 1)),
  stage       INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 3),
  at          INTEGER NOT NULL,
  PRIMARY KEY (entitlement, renewal)
) STRICT, WITHOUT ROWID;
-- One intent at work for each entitlement.
CREATE UNIQUE INDEX intents_prepared ON intents (entitlement) WHERE stage = 1;

CREATE TABLE tokens (
  id      INTEGER PRIMARY KEY,
  idrow   INTEGER NOT NULL REFERENCES ids (id),
  renewal INTEGER NOT NULL,
  face    INTEGER NOT NULL,
  status  INTEGER NOT NULL UNIQUE CHECK (status BETWEEN 0 AND 4294967295),
  value   INTEGER NOT NULL DEFAULT 0 CHECK (value BETWEEN 0 AND 2),
  kid     INTEGER NOT NULL,
  iat     INTEGER NOT NULL,
  exp     INTEGER NOT NULL,
  payload BLOB
) STRICT;
CREATE INDEX tokens_idrow ON tokens (idrow);
CREATE INDEX tokens_value ON tokens (status, value) WHERE value <> 0;
CREATE TRIGGER tokens_final BEFORE UPDATE OF value ON tokens WHEN OLD.value = 1 AND NEW.value <> 1
BEGIN SELECT RAISE(ABORT, 'an invalid status is final'); END;

CREATE TABLE signed (
  token INTEGER PRIMARY KEY REFERENCES tokens (id),
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE status_lists (
  list     INTEGER PRIMARY KEY CHECK (list BETWEEN 0 AND 4095),
  capacity INTEGER NOT NULL CHECK (capacity BETWEEN 1 AND 1048576),
  last_exp INTEGER NOT NULL
) STRICT;

CREATE TABLE codes (
  kind      INTEGER NOT NULL,
  code      INTEGER NOT NULL CHECK (code >= 1),
  uk        TEXT    NOT NULL,
  en        TEXT    NOT NULL,
  published INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (kind, code),
  UNIQUE (kind, uk, en)
) STRICT, WITHOUT ROWID;

CREATE TABLE status_events (
  seq        INTEGER PRIMARY KEY,
  idrow      INTEGER NOT NULL REFERENCES ids (id),
  at         INTEGER NOT NULL,
  from_state INTEGER NOT NULL,
  to_state   INTEGER NOT NULL,
  ground     INTEGER NOT NULL,
  order_no   TEXT    NOT NULL,
  order_date INTEGER NOT NULL,
  operator   TEXT    NOT NULL
) STRICT;
CREATE INDEX status_events_idrow ON status_events (idrow);

CREATE TABLE audit (
  seq   INTEGER PRIMARY KEY,
  hash  BLOB NOT NULL CHECK (length(hash) = 32),
  entry BLOB NOT NULL
) STRICT;

CREATE TRIGGER audit_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries are kept'); END;
CREATE TRIGGER audit_fixed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit entries do not change'); END;

CREATE TABLE outbox (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  idrow   INTEGER NOT NULL REFERENCES ids (id),
  renewal INTEGER NOT NULL,
  at      INTEGER NOT NULL
) STRICT;
