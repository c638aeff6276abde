-- The share of all calls of a deployment that each cause took: the rule that explains it, or else the verdict.
select dead.deployment, dead.cause, dead.lost, total.calls, 100.0 * dead.lost / total.calls as percent
from (select deployment, coalesce(first_rule, verdict) as cause, count(*) as lost
      from calls where died group by deployment, coalesce(first_rule, verdict)) as dead
join (select deployment, count(*) as calls from calls group by deployment) as total
  on total.deployment = dead.deployment
order by dead.lost desc, dead.deployment, dead.cause;
