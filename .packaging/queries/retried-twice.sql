-- Calls that died, that the server processed (`yes`) or may have (`maybe`), and that went well when they were tried again.
select deployment, method, processed, count(*) as calls
from calls
where died and processed <> 'no' and outcome = 'recovered'
group by deployment, method, processed
order by calls desc, deployment, method, processed;
