-- Services that cut calls when a grace ran out that is shorter than their slowest calls that went well.
select grace.server, grace.server_port, grace.shortest_grace_ms, grace.closes, slow.slowest_ms
from (select coalesce(server_group, server_ip) as server, server_port, min(grace_ms) as shortest_grace_ms, count(*) as closes
      from connections where grace_ms is not null
      group by coalesce(server_group, server_ip), server_port) as grace
join (select coalesce(server_group, server_ip) as server, server_port, max(duration_ms) as slowest_ms
      from calls where verdict = 'ok'
      group by coalesce(server_group, server_ip), server_port) as slow
  on slow.server = grace.server and slow.server_port = grace.server_port
where grace.shortest_grace_ms < slow.slowest_ms
order by grace.server, grace.server_port;
