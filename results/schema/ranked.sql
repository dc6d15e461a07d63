-- Points in order, with Welch's test against the best: t² < q² at the degrees
-- of freedom of Welch and Satterthwaite, with q from t_student.
with ranked as (
  select sweep, id, trial, planned, n, mean, std, low, high, front, score, m2,
    row_number() over (partition by sweep order by score, id) as rank,
    first_value(mean) over w as best, first_value(n) over w as best_n, first_value(m2) over w as best_m2
  from t_points where /*which*/ score is not null
  window w as (partition by sweep order by score, id)
), compared as (
  select *, m2 / (n - 1) / n as v, best_m2 / (best_n - 1) / best_n as best_v from ranked
), freedom as (
  select *, 256.0 * (v * v / (n - 1) + best_v * best_v / (best_n - 1)) / ((v + best_v) * (v + best_v)) as x from compared
)
select sweep, id, trial, planned, n, mean, std, low, high, front, score, rank,
  case when front is not null then null
    when rank = 1 then 1
    when n < 2 or best_n < 2 then null
    when v + best_v = 0 then mean = best
    else (mean - best) * (mean - best) <= (v + best_v) *
      (select (q.q + (r.q - q.q) * (x - q.i)) * (q.q + (r.q - q.q) * (x - q.i)) from t_student q join t_student r on r.i = min(q.i + 1, 256)
       where q.i = cast(x as integer)) end as tie
from freedom
