-- Version 1. Never edited after release: changes are a new file.
--
-- Not STRICT: SQLite before 3.37 refuses a whole file for one strict table,
-- and the views promise 3.31. typeof() constraints stand in for it.
-- Times are Unix microseconds. A number that is not finite is null, with its
-- kind beside it (0 finite, 1 nan, 2 inf, 3 -inf), for SQLite stores NaN as
-- null and sorts null first.

create table t_sweeps (
  id            integer primary key,
  name          text    not null unique collate nocase, -- the views are named after it, and SQLite folds case
  description   text    not null default '',
  method        text    not null default '',
  metric        text    not null default '',            -- first objective, '' = nothing ranks
  goal          text    not null default 'minimize' check (goal in ('minimize', 'maximize')),
  objectives    text    not null default '[]',          -- JSON: [{"name", "goal"}], in order
  repeat_param  text    not null default '',            -- parameter that gets the seed of a repeat
  state         text    not null default 'new',
  doc           text    not null default '',            -- the sweep file as JSON
  digest        text    not null default '',
  revision      integer not null default 0 check (revision >= 0),
  dir           text    not null default '',            -- where `trawl run` was started
  runs_dir      text    not null default '',
  created_at    integer not null check (typeof(created_at) = 'integer'),
  last_at       integer not null,                       -- of the last change of a counter or of the state
  trial_time    integer not null default 0,             -- sum over attempts, microseconds: exact in any order
  finished      integer not null default 0 check (finished >= 0),
  failed        integer not null default 0 check (failed >= 0),
  pruned        integer not null default 0 check (pruned >= 0),
  diverged      integer not null default 0 check (diverged >= 0),
  killed        integer not null default 0 check (killed >= 0)
);

create table t_journal (
  seq     integer primary key,                          -- one order of all facts of the file
  sweep   integer not null references t_sweeps (id),
  at      integer not null check (typeof(at) = 'integer'),
  kind    text    not null,
  trial   integer not null check (trial >= 0),          -- 0: the sweep as a whole
  attempt integer not null check (attempt >= 0),
  data    text    not null                              -- the event as JSON
);

-- Written when a trial is proposed and when it ends, so it holds no more than
-- that needs: its attempts have the rest.
create table t_trials (
  sweep     integer not null references t_sweeps (id),
  id        integer not null check (id > 0),
  point     integer not null,
  planned   integer not null check (planned >= 1),      -- repeats of the point
  repeat    integer not null,
  seed      integer not null,
  revision  integer not null,
  proposal  integer not null,                           -- index of the sampler, -1: given by the user
  params    text    not null,                           -- JSON of all values
  state     text    not null check (state = 'finished' or state = 'running' or state = 'queued' or state = 'failed'
    or state = 'pruned' or state = 'diverged' or state = 'killed' or state = 'paused'), -- IN would build a table each time
  active    integer not null check (active = (state = 'queued' or state = 'running' or state = 'paused')),
  class     text    not null default '',
  reason    text    not null default '',
  objective real    check (typeof(objective) <> 'text'),
  kind      integer check (kind between 0 and 3),       -- of the objective; null: there is none
  step      integer,                                    -- the step that the objective was taken from
  others    text,                                       -- JSON: the further objectives
  attempts  integer not null default 0,
  ended_at  integer,
  mark      text    not null default '',                -- where the output had been read to
  first_seq integer not null,                           -- its events lie between first and last
  last_seq  integer not null,
  start_seq integer,                                    -- the event of the latest start: what the running attempt is
  primary key (sweep, id)
) without rowid;

-- The few that run or wait, found without a look at the many that ended.
create index t_trials_active on t_trials (sweep, id) where active = 1;

-- From the first end of one of its trials on.
create table t_points (
  sweep     integer not null references t_sweeps (id),
  id        integer not null check (id > 0),
  trial     integer not null,                           -- the first of its trials that ended
  planned   integer not null check (planned >= 1),      -- repeats
  n         integer not null default 0 check (n >= 0),  -- finished with a finite objective
  odd       integer not null default 0 check (odd >= 0), -- finished without a finite objective
  pruned    integer not null default 0 check (pruned >= 0),
  failed    integer not null default 0 check (failed >= 0),
  diverged  integer not null default 0 check (diverged >= 0),
  killed    integer not null default 0 check (killed >= 0),
  mean      real,
  m2        real    not null default 0 check (m2 >= 0), -- sum of squared deviations from the mean
  std       real,                                       -- sample standard deviation, null below two
  low       real,                                       -- 95 % interval, Student's t
  high      real,
  others    text,                                       -- JSON: means of the further objectives
  front     integer,                                    -- several objectives: Pareto front, from 1
  crowding  real,                                       -- several objectives: crowding distance, null = at an end
  score     real,                                       -- less is better; null: does not rank (yet)
  primary key (sweep, id)
) without rowid;

create index t_points_score on t_points (sweep, score) where score is not null;

-- The attempts that ended: numbers only, the words are in the two events.
-- View t_runs adds them, and the attempts that run.
create table t_attempts (
  sweep       integer not null references t_sweeps (id),
  trial       integer not null,
  attempt     integer not null check (attempt > 0),
  start_seq   integer references t_journal (seq),       -- null: its start is not in the journal
  end_seq     integer not null references t_journal (seq),
  started_at  integer not null,
  ended_at    integer not null check (ended_at >= started_at),
  exit_code   integer not null,
  exit_signal integer not null,
  cpu_seconds real    not null,
  max_rss_mb  real    not null,
  primary key (sweep, trial, attempt)
) without rowid;

-- Parameters and metrics, and the columns that they have in the wide table.
create table t_columns (
  id    integer primary key,
  sweep integer not null references t_sweeps (id),
  kind  text    not null check (kind in ('param', 'metric')),
  name  text    not null,
  path  text    not null default '',                    -- parameter: JSON path in t_trials.params
  col   text,                                           -- null: too many columns, only in the narrow tables
  type  text    not null default 'real',
  unique (sweep, kind, name)
);

create table t_metrics (
  sweep   integer not null,
  trial   integer not null,
  name    integer not null references t_columns (id),
  step    integer not null check (step >= 0),
  attempt integer not null,
  value   real    check ((value is null) = (kind > 0)),
  kind    integer not null check (kind between 0 and 3),
  at      integer not null,
  primary key (sweep, trial, name, step, attempt)
) without rowid;

-- What is wanted of a metric without reading its points. A later attempt's
-- reports replace earlier ones from its first step on, here as in all reads.
create table t_series (
  sweep     integer not null,
  trial     integer not null,
  name      integer not null references t_columns (id),
  attempt   integer not null,                           -- the last that reported
  n         integer not null,                           -- steps
  last      real,
  last_kind integer not null,
  last_step integer not null,
  min       real,                                       -- of the finite values
  min_step  integer,
  max       real,
  max_step  integer,
  primary key (sweep, trial, name)
) without rowid;

create table t_requests (
  id      integer primary key,
  sweep   integer not null references t_sweeps (id),
  verb    text    not null,
  arg     text    not null,
  at      integer not null,
  answer  text,
  done_at integer
);

create index t_requests_open on t_requests (sweep, id) where done_at is null;

-- Critical values of Student's t for Welch's test in the views, which have no
-- functions for it: at 1/df = i/256, to be interpolated.
create table t_student (
  i integer primary key,
  q real not null
);
