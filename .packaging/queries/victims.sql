-- Calls that died, by deployment, method and hour; `safe_to_retry` are those that no server processed.
select deployment, method, date, hour,
       count(*) as calls,
       sum(case when died then 1 else 0 end) as victims,
       sum(case when died and processed = 'no' then 1 else 0 end) as safe_to_retry
from calls
group by deployment, method, date, hour
having sum(case when died then 1 else 0 end) > 0
order by victims desc, deployment, method, date, hour;
