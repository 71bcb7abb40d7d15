"""Time that passes at once: everything that PostgreSQL keeps is longer ago, or sooner."""

from datetime import timedelta

from router.postgres.database import Database

GROW_OLDER = """
    update ticket
    set
      enqueued_at = enqueued_at - $1::interval, due_at = due_at - $1, relax_at = relax_at - $1,
      reserved_until = reserved_until - $1, assigned_at = assigned_at - $1, state_until = state_until - $1,
      last_customer_at = last_customer_at - $1, resolved_at = resolved_at - $1;
    update refusal set enqueued_at = enqueued_at - $1::interval;
    update presence
    set since = since - $1::interval, seen_at = seen_at - $1, idle_since = idle_since - $1;
    update conversation set last_message_at = last_message_at - $1::interval;
    update ticket_event
    set data = data || jsonb_build_object('was', (
      select jsonb_object_agg(key, case
        when key in ('enqueued_at', 'due_at', 'relax_at') and value <> 'null'
        then to_jsonb((value #>> '{}')::timestamptz - $1::interval)
        else value
      end)
      from jsonb_each(data -> 'was')))
    where data ? 'was'"""


async def pass_time(database: Database, by: timedelta) -> None:
    """Let it be later."""
    async with database.transaction("test") as connection:
        for statement in GROW_OLDER.split(";"):
            await connection.execute(statement, by)
