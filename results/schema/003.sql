-- Version 3: what attempts used of GPUs (null: they had none), and of what code
-- they were.

alter table t_attempts add column gpu_seconds real;
alter table t_attempts add column gpu_mem_mb  real; -- the most that was seen in use, null if nobody looked

-- Where the journal tells of the code that trials ran, and of its uncommitted
-- changes: those of one content are told once.
create table t_code (
  sweep integer not null references t_sweeps (id),
  what  text    not null check (what = 'run' or what = 'diff'),
  seq   integer not null references t_journal (seq),
  code  text    not null,                               -- run: of all trials started after it; diff: its SHA-256
  primary key (sweep, what, seq)
) without rowid;
