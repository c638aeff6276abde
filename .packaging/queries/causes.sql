-- The share of all calls to a service that each cause took: the rule that explains it, or else the verdict.
select dead.server, dead.cause, dead.lost, total.calls, 100.0 * dead.lost / total.calls as percent
from (select coalesce(server_group, server_ip) as server, coalesce(first_rule, verdict) as cause, count(*) as lost
      from calls where died group by coalesce(server_group, server_ip), coalesce(first_rule, verdict)) as dead
join (select coalesce(server_group, server_ip) as server, count(*) as calls
      from calls group by coalesce(server_group, server_ip)) as total
  on total.server = dead.server
order by dead.lost desc, dead.server, dead.cause;
