-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Drops the partitions of `parent` that end at or before `before`, and says which. The default partition has no end
-- and stays. A drop locks the whole table for a moment: rather than let writers queue up behind a long read, it gives
-- up after a second and is tried again at the next round.
create function drop_partitions_before(parent text, before timestamptz) returns setof text
  language plpgsql
  set lock_timeout = '1s'
  as $$
declare
  partition text;
begin
  -- one process at a time, or a second one would trip over what the first has dropped
  perform pg_advisory_xact_lock(hashtext('drop_partitions_before'));
  for partition in
    select pg_class.relname
    from pg_inherits
    join pg_class on pg_class.oid = pg_inherits.inhrelid
    where pg_inherits.inhparent = parent::regclass
      and substring(pg_get_expr(pg_class.relpartbound, pg_class.oid) from 'TO \(''([^'']+)''\)')::timestamptz <= before
    order by pg_class.relname
  loop
    execute format('drop table %I', partition);
    return next partition;
  end loop;
end
$$;

-- migrate:down
