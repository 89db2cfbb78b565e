-- The directory: bodies, the seats of their people with every text that a seat has had, staffing lists. It holds what the law
-- makes public to officials (names, position, unit, category, work phone, work e-mail) and nothing else of anybody.
-- Times are seconds since 1970-01-01T00:00:00Z, 0 = none. docs/spec/office-directory.md.

-- seq is the number of the last change of the body or of one of its seats; numbers are given to all bodies in one row, and no
-- number is given twice. filled is when the body was first filled, read when it was filled last.
CREATE TABLE office_bodies (
  edrpou   TEXT    NOT NULL PRIMARY KEY,
  name     TEXT    NOT NULL,
  name_en  TEXT    NOT NULL,
  phone    TEXT    NOT NULL,
  email    TEXT    NOT NULL,
  own      INTEGER NOT NULL DEFAULT 0 CHECK (own IN (0, 1)), -- an editor set phone and email: filling leaves them alone
  seq      INTEGER NOT NULL,
  changed  INTEGER NOT NULL,
  filled   INTEGER NOT NULL
) STRICT;

-- One seat: one person in one post. status: 0 no valid ID, 1 valid, 2 suspended. left: when the person was gone; 0: still there.
CREATE TABLE office_seats (
  body    TEXT    NOT NULL,
  post    INTEGER NOT NULL CHECK (post > 0),
  uid     TEXT    NOT NULL UNIQUE,
  status  INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
  seq     INTEGER NOT NULL UNIQUE,
  changed INTEGER NOT NULL,
  "left"  INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (body, post)
) STRICT, WITHOUT ROWID;
CREATE INDEX office_seats_seq ON office_seats (body, seq);

-- What a seat said from since until (0: still). Of one seat no two overlap.
CREATE TABLE office_entries (
  body          TEXT    NOT NULL,
  post          INTEGER NOT NULL,
  since         INTEGER NOT NULL,
  until         INTEGER NOT NULL DEFAULT 0 CHECK (until = 0 OR until > since),
  surname       TEXT    NOT NULL,
  given         TEXT    NOT NULL,
  patronymic    TEXT    NOT NULL,
  surname_latin TEXT    NOT NULL,
  given_latin   TEXT    NOT NULL,
  position      TEXT    NOT NULL,
  position_en   TEXT    NOT NULL,
  unit          TEXT    NOT NULL,
  unit_en       TEXT    NOT NULL,
  category      TEXT    NOT NULL,
  phone         TEXT    NOT NULL,
  email         TEXT    NOT NULL,
  first         INTEGER NOT NULL, -- first moment of the post by HR
  last          INTEGER NOT NULL, -- first moment after it
  PRIMARY KEY (body, post, since)
) STRICT, WITHOUT ROWID;

-- Staffing lists, each with its lines. since is when it came into force: 0 while it waits; the newest in force counts.
CREATE TABLE office_staffing_lists (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  body    TEXT    NOT NULL,
  once    BLOB    NOT NULL UNIQUE CHECK (length(once) = 32), -- SHA-256 over body and file: one file makes one list
  made    INTEGER NOT NULL,
  since   INTEGER NOT NULL DEFAULT 0,
  lines   TEXT    NOT NULL, -- JSON
  wrong   TEXT    NOT NULL  -- JSON: lines that cannot be read; a list with one never comes into force
) STRICT;
CREATE INDEX office_staffing_body ON office_staffing_lists (body, since);
