-- Cards: the journal of blanks and what each card speaks for. Times are seconds since 1970-01-01T00:00:00Z, 0 = none.

-- kinds: 1 number only, 2 PIV, 3 record tag. States: 1 received, 2 personalised, 3 issued, 4 returned, 5 lost, 6 destroyed,
-- 7 cancelled. value: the status that is published.
CREATE TABLE cards (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  kind        INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
  number      BLOB CHECK (number IS NULL OR length(number) BETWEEN 4 AND 32),
  guid        BLOB CHECK (guid IS NULL OR length(guid) = 16),
  entitlement INTEGER REFERENCES entitlements (id),
  status      INTEGER UNIQUE CHECK (status IS NULL OR status BETWEEN 0 AND 4294967295),
  value       INTEGER NOT NULL DEFAULT 0 CHECK (value BETWEEN 0 AND 2),
  state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
  expires     INTEGER NOT NULL DEFAULT 0,
  cert        BLOB CHECK (cert IS NULL OR length(cert) = 32),
  payload     BLOB,
  iat         INTEGER NOT NULL DEFAULT 0,
  exp         INTEGER NOT NULL DEFAULT 0,
  token       BLOB,
  changed     INTEGER NOT NULL,
  CHECK (number IS NOT NULL OR guid IS NOT NULL),
  CHECK ((entitlement IS NULL) = (status IS NULL)),
  CHECK (token IS NULL OR payload IS NOT NULL)
) STRICT;
-- One card for each number, but a cancelled entry frees it.
CREATE UNIQUE INDEX cards_number ON cards (number) WHERE state <> 7;
CREATE UNIQUE INDEX cards_guid ON cards (guid) WHERE state <> 7;
CREATE INDEX cards_entitlement ON cards (entitlement);
CREATE TRIGGER cards_final BEFORE UPDATE OF value ON cards WHEN OLD.value = 1 AND NEW.value <> 1
BEGIN SELECT RAISE(ABORT, 'an invalid status is final'); END;
CREATE TRIGGER cards_ended BEFORE UPDATE OF state ON cards WHEN OLD.state >= 6 AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'state of this card is final'); END;
-- An index of a status list belongs to one token or one card.
CREATE TRIGGER cards_status BEFORE INSERT ON cards WHEN NEW.status IS NOT NULL AND EXISTS (SELECT 1 FROM tokens WHERE status = NEW.status)
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: cards.status'); END;
CREATE TRIGGER cards_bound BEFORE UPDATE OF status ON cards WHEN NEW.status IS NOT NULL AND EXISTS (SELECT 1 FROM tokens WHERE status = NEW.status)
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: cards.status'); END;
CREATE TRIGGER tokens_status BEFORE INSERT ON tokens WHEN EXISTS (SELECT 1 FROM cards WHERE status = NEW.status)
BEGIN SELECT RAISE(ABORT, 'UNIQUE constraint failed: tokens.status'); END;

CREATE TABLE card_events (
  seq        INTEGER PRIMARY KEY AUTOINCREMENT,
  card       INTEGER NOT NULL REFERENCES cards (id),
  at         INTEGER NOT NULL,
  from_state INTEGER NOT NULL,
  to_state   INTEGER NOT NULL,
  note       TEXT    NOT NULL,
  operator   TEXT    NOT NULL
) STRICT;
CREATE INDEX card_events_card ON card_events (card);
