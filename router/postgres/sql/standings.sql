-- name: standings
-- How agents stand to a ticket: everybody in its team, and whoever it is reserved for; or one of them alone.
select
  agent.id, agent.name, agent.skills, agent.retired_at is not null as is_retired, agent.is_draining, agent.capacity,
  agent.weights, agent.most, presence.status, presence.reason, presence.since, presence.seen_at,
  array(select team from agent_team where agent_team.agent_id = agent.id) as teams,
  array(select ticket.channel from ticket where ticket.assigned_to = agent.id) as held,
  (
    select refusal.kind
    from refusal
    where refusal.ticket_id = $1
      and refusal.agent_id = agent.id
      and refusal.enqueued_at = $2) as refusal
from agent
left join presence on presence.agent_id = agent.id
where agent.id = any (array(
  select agent_id
  from agent_team
  where team = $3
  union
  select $4::bigint))
  and ($5::bigint is null or agent.id = $5)
order by agent.name
