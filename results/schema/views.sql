-- The public views. They are made anew by every migration, so this file is
-- edited freely, but a column once here stays. Nothing in them is newer than
-- SQLite 3.31, and no function is our own.

create view sweeps as
select s.id, s.name, s.description, s.method, nullif(s.metric, '') as metric, s.goal, s.state,
  coalesce((select max(t.id) from t_trials t where t.sweep = s.id), 0) as trials,
  (select count(*) from t_trials t indexed by t_trials_active where t.sweep = s.id and t.active = 1 and t.state = 'running') as running,
  (select count(*) from t_trials t indexed by t_trials_active where t.sweep = s.id and t.active = 1 and t.state <> 'running') as queued,
  s.finished, s.failed, s.pruned, s.diverged, s.killed,
  (select p.mean from t_points p where p.sweep = s.id and p.score is not null order by p.score, p.id limit 1) as best,
  (select p.trial from t_points p where p.sweep = s.id and p.score is not null order by p.score, p.id limit 1) as best_trial,
  (s.last_at - s.created_at) / 1e6 as seconds, s.trial_time / 1e6 as trial_seconds,
  strftime('%Y-%m-%dT%H:%M:%fZ', s.created_at / 1e6, 'unixepoch') as created_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', s.last_at / 1e6, 'unixepoch') as changed_at,
  s.revision, s.dir as directory, s.doc as spec
from t_sweeps s;

-- All attempts, with the words of the events of their start and end. (limit -1:
-- a query that is never true would else take the index from the choice of those
-- that run, and fail.)
create view t_runs as
select a.sweep, a.trial, a.attempt, json_extract(e.data, '$.state') as state, coalesce(json_extract(e.data, '$.class'), '') as class,
  coalesce(json_extract(e.data, '$.requeue'), '') as requeue, coalesce(json_extract(e.data, '$.reason'), '') as reason,
  json_extract(j.data, '$.token') as token, json_extract(j.data, '$.host') as host, json_extract(j.data, '$.boot') as boot,
  json_extract(j.data, '$.dir') as dir, json_extract(j.data, '$.argv') as argv, json_extract(j.data, '$.slot') as slot,
  a.started_at, a.ended_at, a.exit_code, a.exit_signal, json_extract(e.data, '$.exit.Cause') as cause,
  json_extract(e.data, '$.exit.Message') as message, a.cpu_seconds, a.max_rss_mb, a.gpu_seconds, a.gpu_mem_mb,
  json_extract(j.data, '$.gpus') as gpus, json_extract(j.data, '$.share') as gpu_share
from t_attempts a join t_journal e on e.seq = a.end_seq left join t_journal j on j.seq = a.start_seq
union all
select t.sweep, t.id, t.attempts, 'running', '', '', t.reason, json_extract(j.data, '$.token'), json_extract(j.data, '$.host'),
  json_extract(j.data, '$.boot'), json_extract(j.data, '$.dir'), json_extract(j.data, '$.argv'), json_extract(j.data, '$.slot'),
  j.at, null, null, null, '', '', null, null, null, null, json_extract(j.data, '$.gpus'), json_extract(j.data, '$.share')
from (select * from t_trials indexed by t_trials_active where active = 1 and state = 'running' limit -1) t join t_journal j on j.seq = t.start_seq;

-- Trials with what their attempts say; those with one attempt, nearly all,
-- need one row of it.
create view t_history as
select t.*, a.exit_code, a.exit_signal,
  case when t.attempts < 2 then coalesce(a.ended_at - a.started_at, 0)
    else (select total(b.ended_at - b.started_at) from t_attempts b where b.sweep = t.sweep and b.trial = t.id) end / 1e6 as seconds,
  case when t.attempts < 2 then coalesce(a.cpu_seconds, 0.0)
    else (select total(b.cpu_seconds) from t_attempts b where b.sweep = t.sweep and b.trial = t.id) end as cpu_seconds,
  case when t.attempts < 2 then coalesce(a.max_rss_mb, 0.0)
    else (select coalesce(max(b.max_rss_mb), 0.0) from t_attempts b where b.sweep = t.sweep and b.trial = t.id) end as max_rss_mb,
  case when t.attempts < 2 then a.gpu_seconds
    else (select sum(b.gpu_seconds) from t_attempts b where b.sweep = t.sweep and b.trial = t.id) end as gpu_seconds,
  case when t.attempts < 2 then a.gpu_mem_mb
    else (select max(b.gpu_mem_mb) from t_attempts b where b.sweep = t.sweep and b.trial = t.id) end as gpu_mem_mb,
  case when t.attempts = 1 and a.attempt = 1 then a.started_at
    else coalesce((select b.started_at from t_attempts b where b.sweep = t.sweep and b.trial = t.id order by b.attempt limit 1),
      (select j.at from t_journal j where j.seq = t.start_seq)) end as started_at,
  coalesce(a.started_at, (select j.at from t_journal j where j.seq = t.start_seq)) as begun_at,
  (select json_extract(j.data, '$.dir') from t_journal j where j.seq = t.start_seq) as dir,
  (select c.code from t_code c where c.sweep = t.sweep and c.what = 'run' and c.seq < t.start_seq order by c.seq desc limit 1) as code
from t_trials t left join t_attempts a on a.sweep = t.sweep and a.trial = t.id and a.attempt = t.attempts;

create view trials as
select s.name as sweep, t.id, t.state, nullif(t.class, '') as class, t.objective,
  case t.kind when 0 then 'finite' when 1 then 'nan' when 2 then 'inf' when 3 then '-inf' end as kind,
  t.step, t.params, t.attempts, t.seconds, t.cpu_seconds, t.max_rss_mb, t.gpu_seconds, t.gpu_mem_mb,
  strftime('%Y-%m-%dT%H:%M:%fZ', t.started_at / 1e6, 'unixepoch') as started_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', t.ended_at / 1e6, 'unixepoch') as ended_at,
  nullif(t.reason, '') as reason, t.point, t.repeat, t.seed, t.revision,
  nullif(t.code, '') as code, t.exit_code, t.exit_signal as signal, nullif(t.dir, '') as directory
from t_sweeps s join t_history t on t.sweep = s.id;

create view params as
select s.name as sweep, t.id as trial, c.name, json_extract(t.params, c.path) as value,
  case json_type(t.params, c.path) when 'integer' then json_extract(t.params, c.path) when 'real' then json_extract(t.params, c.path)
    when 'true' then 1 when 'false' then 0 end as number
from t_sweeps s join t_columns c on c.sweep = s.id and c.kind = 'param' join t_trials t on t.sweep = s.id
where json_type(t.params, c.path) is not null;

create view metrics as
select s.name as sweep, m.trial, m.attempt, c.name, m.step, m.value,
  case m.kind when 0 then 'finite' when 1 then 'nan' when 2 then 'inf' else '-inf' end as kind,
  (m.at - coalesce((select a.started_at from t_attempts a where a.sweep = m.sweep and a.trial = m.trial and a.attempt = m.attempt),
    (select j.at from t_trials t join t_journal j on j.seq = t.start_seq where t.sweep = m.sweep and t.id = m.trial and t.attempts = m.attempt))) / 1e6 as seconds
from t_sweeps s join t_metrics m on m.sweep = s.id join t_columns c on c.id = m.name;

create view attempts as
select s.name as sweep, a.trial, a.attempt, a.state, nullif(a.class, '') as class, nullif(a.requeue, '') as requeue,
  nullif(a.reason, '') as reason, a.host, a.slot, a.exit_code as code, a.exit_signal as signal, nullif(a.cause, '') as cause,
  nullif(a.message, '') as message, (a.ended_at - a.started_at) / 1e6 as seconds, a.cpu_seconds, a.max_rss_mb, a.gpu_seconds, a.gpu_mem_mb, a.gpus, a.gpu_share,
  strftime('%Y-%m-%dT%H:%M:%fZ', a.started_at / 1e6, 'unixepoch') as started_at,
  strftime('%Y-%m-%dT%H:%M:%fZ', a.ended_at / 1e6, 'unixepoch') as ended_at,
  nullif(a.argv, '') as argv, a.dir as directory, a.token, a.boot
from t_sweeps s join t_runs a on a.sweep = s.id;

create view events as
select j.seq, s.name as sweep, strftime('%Y-%m-%dT%H:%M:%fZ', j.at / 1e6, 'unixepoch') as at, j.kind,
  nullif(j.trial, 0) as trial, nullif(j.attempt, 0) as attempt, j.data
from t_journal j join t_sweeps s on s.id = j.sweep;

create view decisions as
select j.seq, s.name as sweep, strftime('%Y-%m-%dT%H:%M:%fZ', j.at / 1e6, 'unixepoch') as at,
  case j.kind when 'proposed' then 'suggest' when 'stopping' then json_extract(j.data, '$.why') else 'requeue' end as decision,
  j.trial, nullif(j.attempt, 0) as attempt,
  case j.kind when 'proposed' then coalesce(json_extract(j.data, '$.note'), 'proposal ' || json_extract(j.data, '$.proposal'))
    else json_extract(j.data, '$.reason') end as reason,
  json_extract(j.data, '$.inputs') as inputs
from t_journal j join t_sweeps s on s.id = j.sweep
where j.kind in ('proposed', 'stopping', 'requeued');

create view leaderboard as
select s.name as sweep, r.rank, r.id as point, r.trial, r.mean as objective, r.n, r.planned, r.mean, r.std, r.low, r.high, r.tie, r.front,
  case when s.repeat_param = '' then t.params else json_remove(t.params, '$."' || s.repeat_param || '"') end as params
from (/*ranked*/) r join t_sweeps s on s.id = r.sweep join t_trials t on t.sweep = r.sweep and t.id = r.trial
order by s.id, r.rank;
