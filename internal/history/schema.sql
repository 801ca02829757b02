-- Times are Unix milliseconds, durations milliseconds.

CREATE TABLE IF NOT EXISTS runs (
  number    INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE, -- the name of the run's directory
  root      TEXT NOT NULL,        -- the workspace's
  workspace TEXT NOT NULL,        -- its name
  revision  TEXT NOT NULL,
  selection TEXT NOT NULL,        -- names, a JSON array
  version   TEXT NOT NULL,
  started   INTEGER NOT NULL,
  took      INTEGER,              -- NULL: has not ended, or was cut off
  outcome   TEXT NOT NULL DEFAULT '',
  counts    TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX IF NOT EXISTS runs_by_root ON runs (root, number);

CREATE TABLE IF NOT EXISTS steps (
  number       INTEGER PRIMARY KEY,
  run          INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE,
  id           TEXT NOT NULL,
  kind         TEXT NOT NULL,
  package      TEXT NOT NULL,
  repository   TEXT NOT NULL,
  platform     TEXT NOT NULL,
  hash         TEXT NOT NULL,     -- the package's inputs
  builder      TEXT NOT NULL,
  builder_kind TEXT NOT NULL,
  reason       TEXT NOT NULL,
  changes      TEXT NOT NULL,     -- a JSON array
  status       TEXT NOT NULL,
  attempts     INTEGER NOT NULL,
  started      INTEGER NOT NULL,
  took         INTEGER NOT NULL,  -- all attempts
  build        INTEGER,           -- the attempt that succeeded
  cached       INTEGER NOT NULL DEFAULT 0, -- 1: all of its instructions were cached
  digest       TEXT NOT NULL,
  error        TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS steps_by_run ON steps (run);
CREATE INDEX IF NOT EXISTS steps_by_build ON steps (repository, platform, number) WHERE kind = 'build';
DROP INDEX IF EXISTS steps_by_node;
CREATE INDEX IF NOT EXISTS steps_by_package ON steps (package, number);

CREATE TABLE IF NOT EXISTS inputs (
  repository TEXT NOT NULL,
  package    TEXT NOT NULL,
  data       BLOB NOT NULL,       -- as beside images
  PRIMARY KEY (repository, package)
) STRICT, WITHOUT ROWID;
