-- The registrar's pages: what was typed, staff files on their way into the register, changes of many IDs, proposals of two.
-- Times are seconds since 1970-01-01T00:00:00Z, 0 = none. "sealed" columns are AES-256-GCM under the service's data key.

-- What an account has typed into a form and not sent. place is the path of the page. Never a passphrase.
CREATE TABLE drafts (
  account INTEGER NOT NULL,
  place   TEXT    NOT NULL,
  saved   INTEGER NOT NULL,
  fields  BLOB    NOT NULL, -- sealed
  PRIMARY KEY (account, place)
) STRICT;
CREATE INDEX drafts_saved ON drafts (saved);

-- A staff file from its upload to the end. once is a keyed hash of the form that sent it: one form makes one load.
-- stage: 1 receiving, 2 reading, 3 planned, 4 applying, 5 waiting, 6 finishing, 7 done, 8 failed, 9 stale, 10 discarded, 11 ended.
CREATE TABLE staff_loads (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  body    TEXT    NOT NULL,
  account INTEGER NOT NULL,
  once    BLOB    NOT NULL UNIQUE CHECK (length(once) = 32),
  made    INTEGER NOT NULL,
  changed INTEGER NOT NULL,
  stage   INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 11),
  version INTEGER NOT NULL DEFAULT 0, -- grows with every change
  facts   BLOB    NOT NULL -- sealed
) STRICT;
CREATE INDEX staff_loads_body ON staff_loads (body, id);
CREATE INDEX staff_loads_work ON staff_loads (stage) WHERE stage IN (1, 2, 4, 6);

-- Pieces of what belongs to a load. kind: 1 staff file, 2 photos, 3 mapping, 4 plan, 5 problems.
CREATE TABLE staff_parts (
  load INTEGER NOT NULL REFERENCES staff_loads (id),
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
  n    INTEGER NOT NULL,
  data BLOB    NOT NULL, -- sealed
  UNIQUE (load, kind, n)
) STRICT;

-- Signatures under the plan of a load as it stands. part: 1 author, 2 approver.
CREATE TABLE staff_approvals (
  load     INTEGER NOT NULL REFERENCES staff_loads (id),
  part     INTEGER NOT NULL CHECK (part BETWEEN 1 AND 2),
  operator INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  bytes    BLOB    NOT NULL,
  PRIMARY KEY (load, part, operator)
) STRICT;

-- A change of many IDs at once. stage: 1 previewed, 2 running, 3 done, 4 discarded, 5 waits for a second person.
CREATE TABLE bulk_changes (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  body    TEXT    NOT NULL,
  account INTEGER NOT NULL,
  once    BLOB    NOT NULL UNIQUE CHECK (length(once) = 32),
  made    INTEGER NOT NULL,
  stage   INTEGER NOT NULL CHECK (stage BETWEEN 1 AND 5),
  facts   BLOB    NOT NULL -- sealed
) STRICT;
CREATE INDEX bulk_changes_body ON bulk_changes (body, id);
CREATE INDEX bulk_changes_work ON bulk_changes (stage) WHERE stage = 2;
-- What became of each ID of it.
CREATE TABLE bulk_rows (
  change INTEGER NOT NULL REFERENCES bulk_changes (id),
  n      INTEGER NOT NULL,
  idrow  INTEGER NOT NULL,
  result TEXT    NOT NULL DEFAULT '', -- '' not tried yet; ok, same, or the code of a refusal
  PRIMARY KEY (change, n)
) STRICT;

-- What waits for the signatures of two. kind: of an approval. state: 1 open, 2 carried out, 3 withdrawn.
CREATE TABLE proposals (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  body    TEXT    NOT NULL,
  kind    INTEGER NOT NULL,
  number  INTEGER NOT NULL,
  made    INTEGER NOT NULL,
  expires INTEGER NOT NULL,
  state   INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3),
  facts   BLOB    NOT NULL, -- sealed
  secret  BLOB              -- the newcomer's key, sealed under the newcomer's own passphrase
) STRICT;
CREATE INDEX proposals_body ON proposals (body, id);
CREATE UNIQUE INDEX proposals_open ON proposals (body) WHERE state = 1;
CREATE TABLE proposal_approvals (
  proposal INTEGER NOT NULL REFERENCES proposals (id),
  part     INTEGER NOT NULL CHECK (part BETWEEN 1 AND 2),
  operator INTEGER NOT NULL,
  at       INTEGER NOT NULL,
  bytes    BLOB    NOT NULL,
  PRIMARY KEY (proposal, part)
) STRICT;
