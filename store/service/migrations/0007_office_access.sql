-- App passwords and log-in by the phone's service ID (docs/spec/office.md). Times are seconds since 1970-01-01T00:00:00Z, 0 = none.

-- Passwords of an official's own programs, each of one post and one device. name is the user name that goes with it, mac a keyed hash
-- of the password, label (sealed) what its owner calls it. scopes: 1 address books and calendars, 2 sending mail, 3 both. used is a
-- day. wrong counts tries with this name and another password, the last of them on the day tried. why: 0 in use, 1 ended by the
-- owner, 2 by an administrator, 3 the person has left the post.
CREATE TABLE office_passwords (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  body   TEXT    NOT NULL CHECK (length(body) = 8),
  post   INTEGER NOT NULL CHECK (post >= 1),
  name   TEXT    NOT NULL UNIQUE,
  mac    BLOB    NOT NULL UNIQUE CHECK (length(mac) = 32),
  label  BLOB    NOT NULL,
  scopes INTEGER NOT NULL CHECK (scopes BETWEEN 1 AND 3),
  made   INTEGER NOT NULL,
  used   INTEGER NOT NULL DEFAULT 0,
  wrong  INTEGER NOT NULL DEFAULT 0,
  tried  INTEGER NOT NULL DEFAULT 0,
  ended  INTEGER NOT NULL DEFAULT 0,
  why    INTEGER NOT NULL DEFAULT 0 CHECK (why BETWEEN 0 AND 3)
) STRICT;
CREATE INDEX office_passwords_seat ON office_passwords (body, post) WHERE ended = 0;

-- Log-ins that a phone has answered. code is a keyed hash of what the QR holds; the waiting browser has the same code in its session.
-- state: 2 confirmed by the phone for one post, 3 refused by it, 4 used. thumb: SHA-256 thumbprint of the phone's key.
CREATE TABLE office_logins (
  code    BLOB    PRIMARY KEY CHECK (length(code) = 32),
  expires INTEGER NOT NULL,
  state   INTEGER NOT NULL CHECK (state BETWEEN 2 AND 4),
  body    TEXT    NOT NULL,
  post    INTEGER NOT NULL,
  thumb   BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX office_logins_expires ON office_logins (expires);
