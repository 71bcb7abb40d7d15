-- name: lock_agents
-- First in the order of locks: everybody who gives these agents work, or takes it, does so one after another. Locks in
-- id order, to avoid deadlocks.
select from agent
where id = any ($1::bigint[])
order by id
for no key update
