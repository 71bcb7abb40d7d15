-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- When processes of the two roles that agents depend on last worked: without the API nobody can give a sign of life, and
-- without timers nobody sees what ends. One row. A role that has never beaten is null, and counts as not missing.
create table pulse (
  id boolean primary key default true constraint there_is_one_pulse check (id),
  api_at timestamptz,
  timers_at timestamptz,
  -- since when one of them was silent, until both work again
  silent_since timestamptz
) with (fillfactor = 50);
insert into pulse default values;

-- Whether a role has missed a few beats, which come every second.
create function is_silent(beaten_at timestamptz) returns boolean
  language sql stable
  return beaten_at < statement_timestamp() - interval '5 seconds';

-- Whether agents can act in time. If not, nothing of theirs may end: the first beat after the silence gives it back.
create function is_attended() returns boolean
  language sql stable
  return not exists (
    select from pulse
    where silent_since is not null
      or is_silent(least(api_at, timers_at)));

-- migrate:down
