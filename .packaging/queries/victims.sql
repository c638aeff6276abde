-- Calls that died, by the server's service (its address where no name is known), method and hour; `safe_to_retry` are those that no
-- server processed.
select coalesce(server_group, server_ip) as server, method, date, hour,
       count(*) as calls,
       sum(case when died then 1 else 0 end) as victims,
       sum(case when died and processed = 'no' then 1 else 0 end) as safe_to_retry
from calls
group by coalesce(server_group, server_ip), method, date, hour
having sum(case when died then 1 else 0 end) > 0
order by victims desc, server, method, date, hour;
