-- name: newest
-- The newest unprocessable payloads, without their bytes.
select id, at, stage, reason, detail, format, account, octet_length(body) as size, replayed_at
from unprocessable
where id < coalesce($2::bigint, 9223372036854775807) and (not $3 or replayed_at is null)
order by id desc
limit $1

-- name: payload
-- One unprocessable payload with its bytes.
select
  id, at, stage, reason, detail, format, account, octet_length(body) as size, replayed_at, routing_key, trace_id, body
from unprocessable
where id = $1

-- name: replayed
-- Marks a payload that is on the bus again.
update unprocessable
set replayed_at = now()
where id = $1
