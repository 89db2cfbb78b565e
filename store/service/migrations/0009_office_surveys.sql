-- Surveys: all but the ballots of anonymous ones, which lie in ballots.db. Days are ISO dates in Kyiv.

CREATE TABLE office_surveys (
    id         TEXT    PRIMARY KEY,               -- 26 characters of base32
    body       TEXT    NOT NULL,                  -- ЄДРПОУ of the body whose editors made it
    anonymous  INTEGER NOT NULL,                  -- 1: anonymous, 0: named
    state      INTEGER NOT NULL,                  -- 1 draft, 2 open, 3 closed
    definition BLOB    NOT NULL,                  -- canonical JSON; frozen when the survey opens
    audience   TEXT    NOT NULL,                  -- JSON: bodies, units, categories
    revision   INTEGER NOT NULL,                  -- of the draft: two editors do not overwrite each other
    made       INTEGER NOT NULL,
    opened     INTEGER NOT NULL DEFAULT 0,
    closes     INTEGER NOT NULL DEFAULT 0,        -- when it ends, or ended
    eligible   INTEGER NOT NULL DEFAULT 0,        -- people in the audience when it opened
    issued     BLOB,                              -- sealed: how many tokens were signed
    key        BLOB,                              -- sealed PKCS #8; NULL before opening and after closing
    public_key BLOB,                              -- SubjectPublicKeyInfo
    recount    BLOB                               -- SHA-256 of the recount list
) STRICT;

-- Who was asked, as of the opening. A person is a keyed hash, another one in every survey.
CREATE TABLE office_survey_audience (
    survey   TEXT    NOT NULL,
    person   BLOB    NOT NULL,
    body     TEXT    NOT NULL,
    post     INTEGER NOT NULL,
    unit     TEXT    NOT NULL,
    category TEXT    NOT NULL,
    PRIMARY KEY (survey, person)
) STRICT, WITHOUT ROWID;

-- Who took a token of an anonymous survey: nothing of the answer, and no more of the time than the day.
CREATE TABLE office_survey_served (
    survey  TEXT NOT NULL,
    person  BLOB NOT NULL,
    blinded BLOB NOT NULL,                        -- SHA-256 of the blinded message: the same one again gets the same answer
    day     TEXT NOT NULL,
    PRIMARY KEY (survey, person)
) STRICT, WITHOUT ROWID;

-- Answers of named surveys.
CREATE TABLE office_survey_answers (
    survey TEXT NOT NULL,
    person BLOB NOT NULL,
    answer BLOB NOT NULL,                         -- sealed JSON
    day    TEXT NOT NULL,
    PRIMARY KEY (survey, person)
) STRICT, WITHOUT ROWID;

-- Reminders: at most one a day to those who have not been served.
CREATE TABLE office_survey_reminders (
    survey TEXT    NOT NULL,
    day    TEXT    NOT NULL,
    sent   INTEGER NOT NULL,
    PRIMARY KEY (survey, day)
) STRICT, WITHOUT ROWID;
