-- migrate:up
set local lock_timeout = '5s';
set local statement_timeout = '60s';

-- Drops the partitions of `parent` that end at or before `before`, and returns their names. The default partition has
-- no end and stays. A drop locks the whole table for a moment. It gives up after a second, so that writers do not queue
-- up behind a long read, and the next round tries again.
create function drop_partitions_before(parent text, before timestamptz) returns setof text
  language plpgsql
  set lock_timeout = '1s'
  as $$
declare
  partition text;
begin
  -- one process at a time: a second one would fail on partitions that the first has dropped
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
