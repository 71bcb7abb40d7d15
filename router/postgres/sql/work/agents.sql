-- name: lock_names
-- Agents are made one after another: the unique index distinguishes capitals, but names that differ only so are equal.
select pg_advisory_xact_lock(hashtextextended('frontdesk.agents', 0))

-- name: insert_agent
-- A new agent with an empty profile; no row if the name is taken, even in other capitals: people would mix them up.
insert into agent (name)
select $1::text
where not exists (select from agent where lower(name) = lower($1))
on conflict (name) do nothing
returning id

-- name: agent_named_alike
-- The spelling of the agent's name who has this name in any capitals.
select name
from agent
where lower(name) = lower($1)

-- name: lock_agent
-- Locks and reads an agent's profile. First in the order of locks: nobody else changes the agent or gives them tickets
-- until the groups are right again.
select id, name, levels, languages, capacity, weights, most, skills, retired_at is not null as is_retired
from agent
where name = $1
for no key update

-- name: teams
-- The agent's teams; read after the lock.
select team
from agent_team
where agent_id = $1

-- name: update_agent
-- Writes an agent's profile, except the teams; `skills` is what requirements are matched against.
update agent
set
  levels = $2, languages = $3, skills = $4, capacity = $5, weights = $6, most = $7,
  retired_at = case when $8 then coalesce(retired_at, now()) end
where id = $1

-- name: join_teams
-- Adds the agent to teams.
insert into agent_team (agent_id, team)
select $1, unnest($2::text[])
on conflict do nothing

-- name: leave_team
-- Removes the agent from a team; the foreign key of held tickets refuses it while they hold one of the team's.
delete from agent_team
where agent_id = $1
  and team = $2

-- name: count_held
-- How many tickets the agent holds who is about to retire.
select count(*)
from ticket
where assigned_to = $1

-- name: end_tokens
-- Ends a retired agent's tokens.
update token
set revoked_at = now()
where agent_id = $1
  and revoked_at is null

-- name: has_groups
-- Whether tickets have ever waited for which the agent is eligible.
select exists (select from agent_group where agent_id = $1)

-- name: cards
-- A page of agents by name, as a viewer of these teams (null: all) sees them; only one agent if $2 names them.
select
  agent.name, agent.levels, agent.languages, agent.capacity, agent.weights, agent.most, agent.is_draining,
  agent.created_at, agent.retired_at, presence.status, presence.reason, presence.cause, presence.since, presence.seen_at,
  is_live(presence.seen_at, $7::interval),
  array(
    select team
    from agent_team
    where agent_team.agent_id = agent.id
      and ($1::text[] is null or team = any ($1))
    order by team) as teams,
  coalesce((
    select jsonb_object_agg(channel, number)
    from (
      select channel, count(*) as number
      from ticket
      where ticket.assigned_to = agent.id
        and ($1::text[] is null or ticket.team = any ($1))
      group by channel) as held), '{}') as held
from agent
left join presence on presence.agent_id = agent.id
where ($2::text is null or agent.name = $2)
  and ($1::text[] is null or exists (
    select from agent_team
    where agent_team.agent_id = agent.id
      and agent_team.team = any ($1)))
  and ($3::text is null or exists (
    select from agent_team
    where agent_team.agent_id = agent.id
      and agent_team.team = $3
      and ($1::text[] is null or agent_team.team = any ($1))))
  and ($4 or agent.retired_at is null)
  and ($5::text is null or agent.name > $5)
order by agent.name
limit $6

-- name: members
-- The members of each of the viewer's teams (null: all), by name.
select
  agent_team.team, agent.name, presence.status, presence.reason, presence.cause, presence.since, presence.seen_at,
  is_live(presence.seen_at, $2::interval)
from agent_team
join agent on agent.id = agent_team.agent_id
left join presence on presence.agent_id = agent.id
where ($1::text[] is null or agent_team.team = any ($1))
  and agent.retired_at is null
order by agent.name
