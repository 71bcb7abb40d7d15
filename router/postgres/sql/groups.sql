-- name: find_groups
-- The existing groups of these requirements.
select skill_group.id, skill_group.queue, skill_group.team, skill_group.skills, skill_group.channel
from jsonb_to_recordset($1::jsonb)
  as required (queue text, team text, skills text[], channel text)
join skill_group using (queue, team, skills, channel)

-- name: serialise_groups
-- From here to the end of the transaction, nobody else makes a group or changes who is eligible for one.
-- Only the next statement's snapshot sees what the last holder wrote.
select pg_advisory_xact_lock(hashtextextended('frontdesk.groups', 0))

-- name: insert_groups
-- Makes the missing groups and returns them.
insert into skill_group (queue, team, skills, channel)
select queue, team, skills, channel
from jsonb_to_recordset($1::jsonb)
  as required (queue text, team text, skills text[], channel text)
on conflict on constraint one_group_for_equal_requirements do nothing
returning id

-- name: fill_groups
-- Makes every agent of a new group's team who has all its skills eligible for it, except retired agents.
insert into agent_group (agent_id, group_id)
select agent.id, skill_group.id
from skill_group
join agent_team on agent_team.team = skill_group.team
join agent on agent.id = agent_team.agent_id and agent.skills @> skill_group.skills
where skill_group.id = any ($1::bigint[])
  and agent.retired_at is null

-- name: leave_groups
-- Removes the agent from groups that their teams and skills no longer allow.
delete from agent_group
using agent, skill_group
where agent_group.agent_id = $1
  and agent.id = agent_group.agent_id
  and skill_group.id = agent_group.group_id
  and not (
    agent.retired_at is null
    and agent.skills @> skill_group.skills
    and exists (
      select from agent_team
      where agent_team.agent_id = agent.id
        and agent_team.team = skill_group.team))

-- name: join_groups
-- Adds the agent to every group that their teams and skills allow.
insert into agent_group (agent_id, group_id)
select agent.id, skill_group.id
from agent
join agent_team on agent_team.agent_id = agent.id
join skill_group on skill_group.team = agent_team.team and agent.skills @> skill_group.skills
where agent.id = $1
  and agent.retired_at is null
on conflict do nothing
