-- Deployments whose calls died: the client's workload (its address where no name is known), by the service it called and by hour.
select coalesce(client_group, client_ip) as client, coalesce(server_group, server_ip) as server, date, hour,
       sum(case when died then 1 else 0 end) as victims,
       sum(case when race is not null then 1 else 0 end) as races,
       sum(case when died and outcome = 'recovered' then 1 else 0 end) as recovered
from calls
group by coalesce(client_group, client_ip), coalesce(server_group, server_ip), date, hour
having sum(case when died then 1 else 0 end) > 0
order by victims desc, client, server, date, hour;
