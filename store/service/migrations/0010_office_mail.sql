-- The mail gate: where a body's mail goes, whom it certifies for signing, the queue and the fate of each letter.
CREATE TABLE office_mail_settings (
  body     TEXT PRIMARY KEY,
  kind     TEXT NOT NULL CHECK (kind IN ('smtp', 'lmtp', 'folder')),
  address  TEXT NOT NULL,
  tls      TEXT NOT NULL CHECK (tls IN ('starttls', 'tls', 'none')),
  user     TEXT NOT NULL,
  password BLOB,              -- sealed; NULL for none
  roots    TEXT NOT NULL,     -- certificates that the server's must lead to, PEM; empty: those of the system
  domains  TEXT NOT NULL,     -- of work addresses, separated by spaces
  sender   TEXT NOT NULL,     -- address of what the service itself writes
  changed  INTEGER NOT NULL   -- ms
) STRICT;

CREATE TABLE office_mail_authorities (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  body        TEXT NOT NULL,
  serial      TEXT NOT NULL UNIQUE,
  certificate BLOB NOT NULL,
  key         BLOB NOT NULL,  -- sealed
  made        INTEGER NOT NULL,
  until       INTEGER NOT NULL
) STRICT;
CREATE INDEX office_mail_authorities_body ON office_mail_authorities (body, id);

CREATE TABLE office_mail_certificates (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  authority   INTEGER NOT NULL REFERENCES office_mail_authorities (id),
  seat        TEXT NOT NULL,  -- or the body's code, for the service's own letters
  serial      TEXT NOT NULL UNIQUE,
  subject     BLOB NOT NULL,  -- hash of what it says
  certificate BLOB NOT NULL,
  key         BLOB,           -- sealed; destroyed when the certificate is ended
  made        INTEGER NOT NULL,
  until       INTEGER NOT NULL,
  ended       INTEGER,
  reason      INTEGER
) STRICT;
CREATE UNIQUE INDEX office_mail_certificates_live ON office_mail_certificates (seat) WHERE ended IS NULL;
CREATE INDEX office_mail_certificates_authority ON office_mail_certificates (authority) WHERE ended IS NOT NULL;

CREATE TABLE office_mail_messages (
  id      TEXT PRIMARY KEY,
  body    TEXT NOT NULL,
  seat    TEXT NOT NULL,      -- of the sender; the body's code for the service's own; empty for a bounce
  notice  BLOB UNIQUE,        -- hash of the key of a letter of the service, so that it goes once
  sender  BLOB,               -- sealed: address that bounces go to; NULL for a bounce
  subject BLOB,               -- sealed; NULL for none
  size    INTEGER NOT NULL,
  queued  INTEGER NOT NULL,
  content BLOB                -- sealed; NULL when every recipient has a fate
) STRICT;
CREATE INDEX office_mail_messages_seat ON office_mail_messages (seat, queued);
CREATE INDEX office_mail_messages_queued ON office_mail_messages (queued);

CREATE TABLE office_mail_recipients (
  message TEXT NOT NULL REFERENCES office_mail_messages (id) ON DELETE CASCADE,
  n       INTEGER NOT NULL,
  body    TEXT NOT NULL,
  address BLOB NOT NULL,      -- sealed
  state   TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
  tries   INTEGER NOT NULL,
  next    INTEGER NOT NULL,   -- ms: when to try again
  answer  TEXT NOT NULL,      -- code of the last answer, such as 550 5.1.1
  detail  BLOB,               -- sealed: its text
  changed INTEGER NOT NULL,
  PRIMARY KEY (message, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX office_mail_recipients_due ON office_mail_recipients (body, next) WHERE state = 'queued';
