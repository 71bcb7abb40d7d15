-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Why an agent has a status that they did not declare: lost, or missed_offers; null if they declared it.
alter table presence add column cause text;

-- With the cause.
create or replace view agent_standing with (security_invoker) as
select
  agent.id, agent.name, agent.skills, agent.capacity, agent.weights, agent.most,
  agent.retired_at is not null as is_retired, agent.is_draining,
  presence.status, presence.reason, presence.since, presence.seen_at, presence.idle_since,
  agent.retired_at is null and not agent.is_draining and presence.status = 'available' as is_willing,
  presence.cause
from agent
left join presence on presence.agent_id = agent.id;

-- migrate:down
