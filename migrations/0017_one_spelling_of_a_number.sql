-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Some numbers have two spellings (`channels/numbers.py`), and from now on handles are found by one of them. Who is known
-- by the other spelling is found by both. The row of the other one stays: the previous release finds it, and erasure
-- finds what was written under it. Ids of WhatsApp that were too short for a number were kept as a user's id.
insert into handle (key, kind, value, scope, name, customer_id, verified, created_at)
select distinct on (spelled.key)
  spelled.key, 'phone', substr(spelled.key, 7), '', handle.name, handle.customer_id, handle.verified, handle.created_at
from handle
cross join lateral (
  select regexp_replace(handle.key, rewritten.pattern, rewritten.canonical) as key
  from (
    values
      ('^phone:\+55([1-9]{2})([6-9][0-9]{7})$', 'phone:+55\19\2'),
      ('^phone:\+549([0-9]{10})$', 'phone:+54\1'),
      ('^user:whatsapp:229([0-9]{8})$', 'phone:+22901\1'),
      ('^user:whatsapp:225([04-9][0-3][0-9]{6})$', 'phone:+22501\1'),
      ('^user:whatsapp:225([04-9][4-6][0-9]{6})$', 'phone:+22505\1'),
      ('^user:whatsapp:225([04-9][7-9][0-9]{6})$', 'phone:+22507\1')
  ) as rewritten (pattern, canonical)
  where handle.key ~ rewritten.pattern
) as spelled
order by spelled.key, handle.verified desc, handle.customer_id
on conflict (key) do nothing;

-- migrate:down
