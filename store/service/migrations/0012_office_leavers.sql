-- Planning: posts whose person has left and whose calendars are still kept (docs/spec/office-planning.md, Section 1).
CREATE TABLE office_leavers (
  seat  TEXT    NOT NULL PRIMARY KEY,
  since INTEGER NOT NULL -- when the service saw that he had left, in seconds since 1970
) STRICT, WITHOUT ROWID;
