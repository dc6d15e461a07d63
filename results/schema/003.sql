-- Version 3: what attempts used of GPUs. Null: they had none.

alter table t_attempts add column gpu_seconds real;
alter table t_attempts add column gpu_mem_mb  real; -- the most that was seen in use, null if nobody looked
