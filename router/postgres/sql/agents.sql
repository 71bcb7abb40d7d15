-- name: save_agent
-- Makes the agent or changes the skills, and holds the row: claims wait until the agent's groups are right again.
insert into agent (name, skills)
values ($1, $2)
on conflict (name) do update set skills = excluded.skills
returning id

-- name: join_teams
-- Puts the agent into teams.
insert into agent_team (agent_id, team)
select $1, unnest($2::text[])
on conflict do nothing

-- name: leave_other_teams
-- Takes the agent out of all other teams; the foreign key of held tickets refuses where one of theirs is assigned.
delete from agent_team
where agent_id = $1
  and team <> all ($2::text[])

-- name: agent_by_name
-- One agent with the teams.
select
  agent.id,
  agent.name,
  agent.skills,
  array(select team from agent_team where agent_team.agent_id = agent.id) as teams
from agent
where agent.name = $1
