-- name: standings
-- Agents' standings towards a ticket: everybody in its team, and the agent it is reserved for if they are in one of
-- these teams (null: any); or only one of them.
select
  agent.id, agent.name, agent.skills, agent.is_retired, agent.is_draining, agent.capacity, agent.weights, agent.most,
  agent.status, agent.reason, agent.cause, agent.since, agent.seen_at,
  array(select team from agent_team where agent_team.agent_id = agent.id) as teams,
  channels_held_by(agent.id) as held,
  (select count(*) from ticket where assigned_to = agent.id and state = 'offered') as offered,
  (
    select refusal.kind
    from refusal
    where refusal.ticket_id = $1
      and refusal.agent_id = agent.id
      and refusal.enqueued_at = $2) as refusal
from agent_standing as agent
where agent.id = any (array(
  select agent_id
  from agent_team
  where team = $3
  union
  select id
  from agent
  where id = $4
    and ($6::text[] is null or exists (
      select from agent_team
      where agent_team.agent_id = agent.id
        and team = any ($6)))))
  and ($5::bigint is null or agent.id = $5)
order by agent.name
