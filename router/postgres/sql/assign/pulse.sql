-- name: beat
-- Records that the role $1 works. The beat after which none is silent any more gives time back: agents who were there
-- when the silence began are seen now, their offers begin again, and wrap-ups and reservations last longer by the
-- silence, and at least for the grace time $2.
with now as materialized (
  select
    case when $1::text = 'api' then statement_timestamp() else api_at end as api_at,
    case when $1::text = 'timers' then statement_timestamp() else timers_at end as timers_at,
    coalesce(silent_since, case when is_silent(least(api_at, timers_at)) then least(api_at, timers_at) end) as since
  from pulse
  for no key update
), beat as (
  update pulse
  set
    api_at = now.api_at,
    timers_at = now.timers_at,
    silent_since = case when is_silent(least(now.api_at, now.timers_at)) then now.since end
  from now
  returning case when pulse.silent_since is null then now.since end as since
), over as materialized (
  select since, statement_timestamp() - since as lasted
  from beat
  where since is not null
), held as (
  update ticket
  set
    assigned_at = case when state = 'offered' then statement_timestamp() else assigned_at end,
    state_until = case
      when state = 'offered' then statement_timestamp() + (state_until - assigned_at)
      else greatest(state_until + (select lasted from over), statement_timestamp() + $2::interval)
    end
  where (select since from over) is not null
    and assigned_to is not null
    and state in ('offered', 'wrap_up')
), reserved as (
  update ticket
  set reserved_until = greatest(reserved_until + (select lasted from over), statement_timestamp() + $2::interval)
  where (select since from over) is not null
    and state = 'queued'
    and reserved_for is not null
    and reserved_until is not null
), present as (
  update presence
  set seen_at = statement_timestamp()
  from (
    select agent_id
    from presence
    where (select since from over) is not null
      and seen_at >= (select since from over) - $2::interval
    order by agent_id
    for no key update
  ) as there
  where presence.agent_id = there.agent_id
)
select since, extract(epoch from lasted)::float8 as lasted_s
from over
