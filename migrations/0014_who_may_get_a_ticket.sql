-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Each agent's standing, independent of tickets. Agents who are `is_willing` get tickets while their lease is live.
-- Runs with the caller's rights, so row-level security applies as for the tables.
create view agent_standing with (security_invoker) as
select
  agent.id, agent.name, agent.skills, agent.capacity, agent.weights, agent.most,
  agent.retired_at is not null as is_retired, agent.is_draining,
  presence.status, presence.reason, presence.since, presence.seen_at, presence.idle_since,
  agent.retired_at is null and not agent.is_draining and presence.status = 'available' as is_willing
from agent
left join presence on presence.agent_id = agent.id;
grant select on agent_standing to frontdesk_agent;

-- Whether an agent gave a sign of life within the grace time. The planner inlines it, so an index on the column helps.
create function is_live(seen_at timestamptz, grace interval) returns boolean
  language sql stable
  return seen_at >= statement_timestamp() - grace;

-- Which agents may get the tickets of which groups, by their teams and skills.
create view eligible as
select agent.id as agent_id, skill_group.id as group_id
from agent
join agent_team on agent_team.agent_id = agent.id
join skill_group on skill_group.team = agent_team.team and agent.skills @> skill_group.skills
where agent.retired_at is null;

-- migrate:down
