-- Version 2: the order in which pruners saw the reports, so that their decisions
-- can be computed again. 0: no decision depended on it.

alter table t_metrics add column tick integer not null default 0;
