-- Calls that died, that the server processed (`yes`) or may have (`maybe`), and that went well when they were tried again.
select coalesce(server_group, server_ip) as server, method, processed, count(*) as calls
from calls
where died and processed <> 'no' and outcome = 'recovered'
group by coalesce(server_group, server_ip), method, processed
order by calls desc, server, method, processed;
