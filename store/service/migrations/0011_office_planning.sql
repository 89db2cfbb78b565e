-- Planning: calendars and tasks of officials (docs/spec/office-planning.md).
-- A seat is "ЄДРПОУ-number of the post". Times are seconds since 1970. What a person wrote is sealed; the times of it are not,
-- because views ask by them.
CREATE TABLE office_collections (
  seat       TEXT    NOT NULL,
  collection TEXT    NOT NULL CHECK (collection IN ('day', 'tasks')),
  seq        INTEGER NOT NULL DEFAULT 0, -- of the last change
  pruned     INTEGER NOT NULL DEFAULT 0, -- deletions up to this seq are forgotten
  PRIMARY KEY (seat, collection)
) STRICT, WITHOUT ROWID;

CREATE TABLE office_tasks (
  id       INTEGER PRIMARY KEY,
  giver    TEXT    NOT NULL,
  assignee TEXT    NOT NULL, -- the giver himself: a task of his own
  state    INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
  closed   INTEGER NOT NULL CHECK (closed IN (0, 1)), -- cancelled
  due      INTEGER,
  made     INTEGER NOT NULL,
  changed  INTEGER NOT NULL
) STRICT;
CREATE INDEX office_tasks_assignee ON office_tasks (assignee, state);
CREATE INDEX office_tasks_giver ON office_tasks (giver, state);

-- Which states a task had, since when and by whom.
CREATE TABLE office_task_steps (
  task  INTEGER NOT NULL REFERENCES office_tasks (id) ON DELETE CASCADE,
  n     INTEGER NOT NULL,
  at    INTEGER NOT NULL,
  seat  TEXT    NOT NULL,
  state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5), -- 5: cancelled
  PRIMARY KEY (task, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE office_objects (
  id         INTEGER PRIMARY KEY,
  seat       TEXT    NOT NULL,
  collection TEXT    NOT NULL,
  mark       BLOB    NOT NULL CHECK (length(mark) = 32), -- keyed hash of seat, collection and name
  uid        BLOB    NOT NULL CHECK (length(uid) = 32),  -- keyed hash of the UID
  seq        INTEGER NOT NULL,
  gone       INTEGER NOT NULL CHECK (gone IN (0, 1)),    -- deleted: only name, seq and modified count
  name       BLOB    NOT NULL,                           -- sealed
  data       BLOB,                                       -- sealed iCalendar object
  etag       TEXT    NOT NULL,
  size       INTEGER NOT NULL,
  starts     INTEGER,                                    -- first moment; NULL: none
  ends       INTEGER,                                    -- last moment; NULL: without end, or none
  task       INTEGER REFERENCES office_tasks (id),
  modified   INTEGER NOT NULL,
  UNIQUE (seat, collection, mark),
  FOREIGN KEY (seat, collection) REFERENCES office_collections (seat, collection)
) STRICT;
CREATE UNIQUE INDEX office_objects_uid ON office_objects (seat, collection, uid) WHERE gone = 0;
CREATE INDEX office_objects_seq ON office_objects (seat, collection, seq);
CREATE INDEX office_objects_task ON office_objects (task) WHERE task IS NOT NULL;

-- Secret addresses of calendars, by keyed hash.
CREATE TABLE office_feeds (
  id     INTEGER PRIMARY KEY,
  seat   TEXT    NOT NULL,
  secret BLOB    NOT NULL UNIQUE CHECK (length(secret) = 32),
  detail INTEGER NOT NULL CHECK (detail IN (0, 1)), -- 0: only when its owner is busy
  made   INTEGER NOT NULL,
  used   INTEGER -- beginning of the last day on which it was read
) STRICT;
CREATE INDEX office_feeds_seat ON office_feeds (seat);
