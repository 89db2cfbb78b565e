-- The ballot box of anonymous surveys. Nothing here knows people, accounts, addresses or times of day, and no row tells in which
-- order it came: every table lies in the order of its key, keys of answers are hashes, and the file is rewritten after writes.

CREATE TABLE office_boxes (
    survey     TEXT    PRIMARY KEY,
    definition BLOB    NOT NULL,                  -- canonical JSON
    public_key BLOB    NOT NULL,                  -- SubjectPublicKeyInfo
    closes     INTEGER NOT NULL,
    closed     INTEGER NOT NULL DEFAULT 0,
    received   BLOB    NOT NULL                   -- sealed: how many ballots lie in it
) STRICT, WITHOUT ROWID;

-- Tokens that were used. Nothing joins them to answers.
CREATE TABLE office_box_tokens (
    survey    TEXT NOT NULL,
    nonce     BLOB NOT NULL,
    prefix    BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (survey, nonce)
) STRICT, WITHOUT ROWID;

-- Answers, each question (and each option of some) by itself: entry is a hash that only its holder can make again.
CREATE TABLE office_box_entries (
    survey   TEXT NOT NULL,
    question TEXT NOT NULL,
    part     TEXT NOT NULL,
    entry    BLOB NOT NULL,
    value    BLOB NOT NULL,                       -- sealed
    PRIMARY KEY (survey, question, part, entry)
) STRICT, WITHOUT ROWID;
