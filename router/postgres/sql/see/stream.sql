-- name: situations
-- What the agents behind these tokens hold; no row for a token that has ended. The tickets come as text, which costs
-- the reader nothing while it stays the same.
select
  token.id as token_id,
  presence.status,
  presence.reason,
  presence.cause,
  presence.since,
  agent.capacity,
  agent.weights,
  (
    select
      json_agg(
        json_build_object(
          'id', id, 'lease', id || '.' || lease_epoch, 'state', state, 'queue', queue, 'channel', channel,
          'until', state_until, 'last_customer_at', last_customer_at, 'bounced_at', bounced_at)
        order by assigned_at, id)::text
    from ticket
    where ticket.assigned_to = agent.id) as held
from token
join agent on agent.id = token.agent_id
left join presence on presence.agent_id = agent.id
where token.id = any ($1::bigint[])
  and token.revoked_at is null
  and (token.expires_at is null or token.expires_at > now())
