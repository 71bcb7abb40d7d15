-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- The waiting tickets, for the figures. In two parts, because an index serves each: no ended ticket is read.
-- Runs with the caller's rights, so row-level security applies as for the table.
create view waiting_ticket with (security_invoker) as
select group_id, enqueued_at, due_at
from ticket
where state = 'queued' and preferred_agent_id is null
union all
select group_id, enqueued_at, due_at
from ticket
where state = 'queued' and preferred_agent_id is not null;
grant select on waiting_ticket to frontdesk_agent;

-- migrate:down
