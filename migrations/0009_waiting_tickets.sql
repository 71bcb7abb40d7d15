-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- What waits, of which there are figures. In two parts, since an index serves each: nothing is read of what has ended.
-- With the eyes of whoever asks: row-level security holds as for the table.
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
