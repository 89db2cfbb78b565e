-- Systems of others: who they are, what bodies let them do, what they were told, what they asked. Times are seconds since
-- 1970-01-01T00:00:00Z, 0 = none. Nothing here names a person: rows of a body's register are numbers that lead nowhere without it.

-- keys: JWK Set of public keys. print: SHA-256 over keys and webhook, which a body agrees to. fails, wait: failures of the
-- webhook in a row, and when it is tried again.
CREATE TABLE systems (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  client  TEXT    NOT NULL UNIQUE,
  name    TEXT    NOT NULL,
  owner   TEXT    NOT NULL CHECK (length(owner) = 8),
  keys    BLOB    NOT NULL,
  webhook TEXT    NOT NULL,
  print   BLOB    NOT NULL CHECK (length(print) = 32),
  made    INTEGER NOT NULL,
  until   INTEGER NOT NULL,
  stopped INTEGER NOT NULL DEFAULT 0,
  fails   INTEGER NOT NULL DEFAULT 0,
  wait    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What one body lets a system do. print: that of the system when the body agreed; another one now makes the grant void.
-- numbers: 1 = events name people by РНОКПП. told: when everything that there is was told once.
CREATE TABLE system_grants (
  system  INTEGER NOT NULL REFERENCES systems (id),
  body    TEXT    NOT NULL CHECK (length(body) = 8),
  scopes  TEXT    NOT NULL,
  numbers INTEGER NOT NULL CHECK (numbers IN (0, 1)),
  print   BLOB    NOT NULL CHECK (length(print) = 32),
  made    INTEGER NOT NULL,
  told    INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (system, body)
) STRICT, WITHOUT ROWID;
CREATE INDEX system_grants_body ON system_grants (body);

-- Who changed what about a system, for the body's administrators and auditors.
CREATE TABLE system_changes (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  system  INTEGER NOT NULL REFERENCES systems (id),
  body    TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  account INTEGER NOT NULL,
  what    TEXT    NOT NULL
) STRICT;
CREATE INDEX system_changes_system ON system_changes (system, id);

-- Access tokens and used jti values, both as keyed hashes.
CREATE TABLE system_tokens (
  token   BLOB    PRIMARY KEY CHECK (length(token) = 32),
  system  INTEGER NOT NULL REFERENCES systems (id),
  scopes  TEXT    NOT NULL,
  print   BLOB    NOT NULL CHECK (length(print) = 32),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX system_tokens_expires ON system_tokens (expires);
CREATE TABLE system_jtis (
  jti     BLOB    PRIMARY KEY CHECK (length(jti) = 32),
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX system_jtis_expires ON system_jtis (expires);

-- References to portraits, as keyed hashes.
CREATE TABLE system_photos (
  reference BLOB    PRIMARY KEY CHECK (length(reference) = 32),
  system    INTEGER NOT NULL REFERENCES systems (id),
  body      TEXT    NOT NULL,
  photo     BLOB    NOT NULL CHECK (length(photo) = 20),
  expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX system_photos_expires ON system_photos (expires);

-- Codes that a system has verified: keyed hash of (system, replay key).
CREATE TABLE system_seen (
  code    BLOB    PRIMARY KEY CHECK (length(code) = 32),
  first   INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX system_seen_expires ON system_seen (expires);

-- Who looked whom up; entitlement 0: nobody was found. answer: DocStatus.
CREATE TABLE system_looks (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  system      INTEGER NOT NULL REFERENCES systems (id),
  body        TEXT    NOT NULL,
  entitlement INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  answer      INTEGER NOT NULL
) STRICT;
CREATE INDEX system_looks_entitlement ON system_looks (body, entitlement, id);
CREATE INDEX system_looks_at ON system_looks (at);

-- How far the audit of each body was read for changes of state.
CREATE TABLE system_cursors (
  body TEXT    PRIMARY KEY CHECK (length(body) = 8),
  seq  INTEGER NOT NULL,
  hash BLOB    NOT NULL CHECK (length(hash) = 32),
  full INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What each system was told last of each post. status: 1 ACTIVE, 2 SUSPENDED, 3 DISMISSED, 4 removed.
CREATE TABLE system_told (
  system      INTEGER NOT NULL REFERENCES systems (id),
  body        TEXT    NOT NULL,
  entitlement INTEGER NOT NULL,
  idrow       INTEGER NOT NULL,
  status      INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
  PRIMARY KEY (system, body, entitlement)
) STRICT, WITHOUT ROWID;

-- Outbox. state: 0 waits, 1 delivered, 2 parked (the system does not know the person), 3 dead, 4 dropped (no longer
-- allowed, or overtaken while parked).
CREATE TABLE system_events (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  uuid        BLOB    NOT NULL UNIQUE CHECK (length(uuid) = 16),
  system      INTEGER NOT NULL REFERENCES systems (id),
  body        TEXT    NOT NULL,
  person      INTEGER NOT NULL,
  entitlement INTEGER NOT NULL,
  idrow       INTEGER NOT NULL,
  status      INTEGER NOT NULL CHECK (status BETWEEN 1 AND 4),
  at          INTEGER NOT NULL,
  state       INTEGER NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 4),
  tries       INTEGER NOT NULL DEFAULT 0,
  next        INTEGER NOT NULL DEFAULT 0,
  since       INTEGER NOT NULL, -- when it began to wait: made, or sent again
  closed      INTEGER NOT NULL DEFAULT 0,
  why         TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX system_events_open ON system_events (system, next, id) WHERE state = 0;
CREATE INDEX system_events_person ON system_events (system, body, person, id) WHERE state IN (0, 2);
CREATE INDEX system_events_pull ON system_events (system, id);
CREATE INDEX system_events_at ON system_events (at);

-- Keys that sign what is sent to systems. private is sealed.
CREATE TABLE system_signers (
  kid     TEXT    PRIMARY KEY,
  private BLOB    NOT NULL,
  public  BLOB    NOT NULL,
  made    INTEGER NOT NULL,
  active  INTEGER NOT NULL -- from when it signs
) STRICT, WITHOUT ROWID;
