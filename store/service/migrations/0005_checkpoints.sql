-- Checkpoint accounts (docs/spec/checkpoint-account.md). A checkpoint is a place where a body checks people, with one device. Names and
-- places are of places, not of people. Times are seconds since 1970-01-01T00:00:00Z, 0 = none.

-- state: new (no device yet), waiting (a device has handed its request in), confirmed (the body has compared the key),
-- admitted (it has a number), stopped (for ever).
CREATE TABLE checkpoints (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  body      TEXT    NOT NULL,
  name      TEXT    NOT NULL,
  place     TEXT    NOT NULL,
  class     INTEGER NOT NULL CHECK (class IN (1, 2)),
  until     INTEGER NOT NULL,
  made      INTEGER NOT NULL,
  maker     INTEGER NOT NULL,
  state     TEXT    NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'waiting', 'confirmed', 'admitted', 'stopped')),
  verifier  INTEGER NOT NULL DEFAULT 0,
  thumb     BLOB    UNIQUE CHECK (length(thumb) = 32),
  request   BLOB,
  asked     INTEGER NOT NULL DEFAULT 0,
  stopped   INTEGER NOT NULL DEFAULT 0,
  why       TEXT    NOT NULL DEFAULT '',
  ended     INTEGER NOT NULL DEFAULT 0,
  replaces  INTEGER NOT NULL DEFAULT 0,
  seen      INTEGER NOT NULL DEFAULT 0,
  bundle    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX checkpoints_body ON checkpoints (body);
CREATE UNIQUE INDEX checkpoints_name ON checkpoints (body, name) WHERE state <> 'stopped';
CREATE UNIQUE INDEX checkpoints_verifier ON checkpoints (verifier) WHERE verifier <> 0;

-- Onboarding codes: a keyed hash of the token. One use, a quarter of an hour.
CREATE TABLE checkpoint_tokens (
  mark       BLOB    PRIMARY KEY CHECK (length(mark) = 32),
  checkpoint INTEGER NOT NULL REFERENCES checkpoints (id),
  made       INTEGER NOT NULL,
  expires    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoint_tokens_of ON checkpoint_tokens (checkpoint);

-- Policies as the body signed them.
CREATE TABLE checkpoint_policies (
  checkpoint INTEGER NOT NULL REFERENCES checkpoints (id),
  number     INTEGER NOT NULL,
  policy     BLOB    NOT NULL,
  made       INTEGER NOT NULL,
  maker      INTEGER NOT NULL,
  PRIMARY KEY (checkpoint, number)
) STRICT, WITHOUT ROWID;

-- Named guards. name is sealed; mark is a keyed hash of it. account is 0 for a guard who does not log in.
CREATE TABLE checkpoint_guards (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  checkpoint INTEGER NOT NULL REFERENCES checkpoints (id),
  mark       BLOB    NOT NULL CHECK (length(mark) = 32),
  name       BLOB    NOT NULL,
  account    INTEGER NOT NULL DEFAULT 0,
  added      INTEGER NOT NULL,
  ended      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX checkpoint_guards_name ON checkpoint_guards (checkpoint, mark) WHERE ended = 0;

-- Shifts: begun by a guard's account (source page) or uploaded by the device. guard is sealed.
CREATE TABLE checkpoint_shifts (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  checkpoint INTEGER NOT NULL REFERENCES checkpoints (id),
  source     TEXT    NOT NULL CHECK (source IN ('page', 'device')),
  mark       BLOB    NOT NULL CHECK (length(mark) = 32),
  guard      BLOB    NOT NULL,
  account    INTEGER NOT NULL DEFAULT 0,
  name       TEXT    NOT NULL,
  began      INTEGER NOT NULL,
  ended      INTEGER NOT NULL DEFAULT 0,
  UNIQUE (checkpoint, mark)
) STRICT;
CREATE INDEX checkpoint_shifts_began ON checkpoint_shifts (checkpoint, began);

-- How many verdicts a shift had, by outcome, deciding code and which photo the guard compared.
CREATE TABLE checkpoint_counts (
  shift   INTEGER NOT NULL REFERENCES checkpoint_shifts (id),
  verdict TEXT    NOT NULL,
  code    TEXT    NOT NULL,
  photo   TEXT    NOT NULL,
  n       INTEGER NOT NULL CHECK (n >= 0),
  PRIMARY KEY (shift, verdict, code, photo)
) STRICT, WITHOUT ROWID;

-- Which verifiers a body gives its portraits to, where a person has decided: none, pack, or pack and single portraits online.
CREATE TABLE checkpoint_photos (
  body     TEXT    NOT NULL,
  verifier INTEGER NOT NULL,
  gives    TEXT    NOT NULL CHECK (gives IN ('none', 'pack', 'online')),
  maker    INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  PRIMARY KEY (body, verifier)
) STRICT, WITHOUT ROWID;

-- Photo packs on disk. mark is a hash of what a pack was made of: its recipients and portraits.
CREATE TABLE checkpoint_packs (
  body       TEXT    NOT NULL,
  part       INTEGER NOT NULL,
  mark       BLOB    NOT NULL,
  recipients BLOB    NOT NULL,
  sum        BLOB    NOT NULL CHECK (length(sum) = 32),
  size       INTEGER NOT NULL,
  photos     INTEGER NOT NULL,
  made       INTEGER NOT NULL,
  file       TEXT    NOT NULL,
  PRIMARY KEY (body, part)
) STRICT, WITHOUT ROWID;

-- Single portraits given out, by day: how many, never whose.
CREATE TABLE checkpoint_portraits (
  body     TEXT    NOT NULL,
  verifier INTEGER NOT NULL,
  day      INTEGER NOT NULL,
  given    INTEGER NOT NULL,
  refused  INTEGER NOT NULL,
  PRIMARY KEY (body, verifier, day)
) STRICT, WITHOUT ROWID;

-- Journals as they came, sealed to a verifier of the body and signed by the device.
CREATE TABLE checkpoint_journals (
  checkpoint INTEGER NOT NULL REFERENCES checkpoints (id),
  first      INTEGER NOT NULL,
  last       INTEGER NOT NULL,
  events     INTEGER NOT NULL,
  sum        BLOB    NOT NULL CHECK (length(sum) = 32),
  received   INTEGER NOT NULL,
  data       BLOB    NOT NULL,
  PRIMARY KEY (checkpoint, first)
) STRICT;
CREATE INDEX checkpoint_journals_received ON checkpoint_journals (received);
