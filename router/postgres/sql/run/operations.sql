-- name: read_switch
-- Whether a switch is on.
select is_on
from switch
where name = $1

-- name: turn_switch
-- Turns a switch on or off for all processes.
update switch
set is_on = $2, changed_at = now()
where name = $1

-- name: make_secret
-- Makes the secret of this name if there is none yet.
insert into secret (name, value)
values ($1, $2)
on conflict (name) do nothing

-- name: read_secret
-- The secret of this name.
select value
from secret
where name = $1

-- name: remember_policy
-- Stores the text of a policy version, so that its decisions can be explained later.
insert into policy_version (version, text)
values ($1, $2)
on conflict (version) do nothing

-- name: take_duty
-- Takes a duty that nobody holds, or keeps it; no row means that another process has it.
insert into duty (name, holder, until)
values ($1, $2, now() + make_interval(secs => $3))
on conflict (name) do update
set holder = excluded.holder, until = excluded.until
where duty.holder = excluded.holder or duty.until < now()
returning holder

-- name: lay_down_duty
-- Lets another process take the duty at once.
delete from duty
where name = $1 and holder = $2

-- name: measure_queues
-- How many tickets wait in each queue, how long the oldest has waited, and how many are past their target.
select
  skill_group.queue,
  count(*) as waiting,
  extract(epoch from clock_timestamp() - min(waiting.enqueued_at)) as longest_wait_s,
  count(*) filter (where waiting.due_at < clock_timestamp()) as overdue
from waiting_ticket as waiting
join skill_group on skill_group.id = waiting.group_id
group by skill_group.queue

-- name: measure_outbox
-- How many replies wait for the bus, and how long the oldest has waited.
select count(*) as pending, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) as oldest_s
from outbox

-- name: count_held
-- How many messages are held.
select count(*) as held
from received
where outcome = 'set_aside' and message_id is not null
