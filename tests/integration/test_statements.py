"""Every statement is valid on the migrated schema, and intake's read by index however large the tables are."""

import json
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from router.postgres.statements import SQL, load
from tests.making.moments import NOON

Arguments = tuple[list[object] | int | str, ...]

FILES = sorted(str(path.relative_to(SQL).with_suffix("")) for path in SQL.rglob("*.sql"))
ROWS = 50_000

FILL = f"""
insert into customer (id, created_at) select n, now() from generate_series(1, {ROWS}) as n;
insert into handle (key, kind, value, customer_id, verified, created_at)
select 'email:c' || n || '@example.com', 'email', 'c' || n || '@example.com', n, false, now()
from generate_series(1, {ROWS}) as n;
insert into skill_group (queue, team, skills, channel) values ('general', 'frontline', '{{}}', 'email');
insert into ticket (
  id, customer_id, channel, state, queue, team, group_id, route, policy_version, complexity, probability, reasons,
  skills, target_s, enqueued_at, due_at, last_customer_at, created_at)
select
  n, n, 'email', case when n % 10 = 0 then 'queued' else 'resolved' end, 'general', 'frontline', 1, 'rest', 'v1',
  'simple', 0.5, '[]', '{{}}', 60, now(), '{NOON}', now(), now()
from generate_series(1, {ROWS}) as n;
insert into conversation (
  id, customer_id, channel, provider, account, thread_key, reply_to, ticket_id, last_message_at, created_at)
select
  n, n, case when n % 2 = 0 then 'email' else 'chat' end, 'acme', 'support@acme.example', 'root' || n, '{{}}', n,
  now(), now()
from generate_series(1, {ROWS}) as n;
insert into mail_reference (account, message_id, conversation_id)
select 'support@acme.example', 'root' || n, n from generate_series(1, {ROWS}) as n;
insert into received (channel, account, external_id, fingerprint, received_at, outcome)
select 'email', 'support@acme.example', 'm' || n, '', now(), 'queued' from generate_series(1, {ROWS}) as n;
insert into namesake (channel, account, external_id, fingerprint, received_at, outcome, conversation_id)
select 'email', 'support@acme.example', 'root' || n, '', now(), 'queued', n from generate_series(1, {ROWS}) as n;
insert into agent (name) values ('Grace');
insert into agent_team (agent_id, team) values (1, 'frontline');
insert into attempt (hash, started) select sha256(n::text::bytea), 1 from generate_series(1, {ROWS}) as n;
"""

ACCOUNTS = ["support@acme.example"] * 200
LARGE = {"customer", "handle", "ticket", "conversation", "mail_reference", "received", "namesake", "attempt"}
BATCH = {
    "lock_customers": (
        [f"email:c{n}@example.com" for n in range(1, 200)], list(range(1, 20)),
        ACCOUNTS, [f"root{n}" for n in range(200)], ACCOUNTS, [f"root{n}" for n in range(200)], list(range(1, 20)),
    ),
    "lock_and_load": (
        list(range(1, 50)), list(range(1, 200)),
        [f"email:c{n}@example.com" for n in range(1, 200)], ACCOUNTS, [f"root{n}" for n in range(200)],
        ["email"] * 200, ACCOUNTS, [f"m{n}" for n in range(200)], [bytes(32)] * 200, 200, 200, 200, 200,
    ),
    "load_attempts": ([bytes(32)] * 200,),
    "finish_attempts": ([bytes(32)] * 200,),
}  # fmt: skip

LOADED = ("lock_customers", "lock_and_load")
OF_CUSTOMERS = {
    "cards": ([1], ["frontline"]),
    "tickets_of_customers": (["frontline"], "queued", "general", 0, 100, 50, [1]),
}
NEWEST = 2**63 - 1
OPEN = list(range(ROWS, 0, -10_000))
LONG_HISTORY = f"""
{FILL.replace("n % 10 = 0", "n % 10000 = 0")};
insert into skill_group (queue, team, skills, channel) values ('expert', 'frontline', '{{}}', 'email');
update ticket set queue = 'expert', group_id = 2 where id = 7;
update ticket set state = 'abandoned' where id = 8;
"""
# state, queue, the first id and the last, and what is found
LISTS = {
    (None, None, 0, NEWEST): list(range(ROWS, ROWS - 50, -1)),
    (None, None, 0, 100): list(range(100, 50, -1)),
    (None, None, 17, 17): [17],
    ("queued", None, 0, NEWEST): OPEN,
    ("queued", "general", 0, 30_000): OPEN[2:],
    ("queued", "expert", 0, NEWEST): [],
    ("abandoned", None, 0, NEWEST): [8],
    ("resolved", "expert", 0, NEWEST): [7],
    (None, "expert", 0, NEWEST): [7],
}
AUDITED = f"""
insert into audit (actor, action, subject) select 'test', 'team.join', 'team:frontline' from generate_series(1, {ROWS})
"""
LAST_PAGES = [
    ("audit", "changes", (None, None, 51, 50)),
    ("assign/picking", "waiting", ("general", None, NOON, ROWS - 600, 50, 1)),
]
DOCUMENTS = (
    "select ticket_page(1, '{frontline}', 50)",
    "select customer_card(1, '{frontline}')",
)
# of tables and of indexes, by this transaction
ROWS_READ = """
select sum(pg_stat_get_xact_tuples_returned(oid))::bigint
from pg_class
where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')
"""


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url, timeout=10)
    yield connection
    await connection.close(timeout=10)


@pytest.mark.parametrize("file", FILES)
async def test_every_statement_is_valid_on_the_migrated_schema(connection: asyncpg.Connection, file: str):
    for name, statement in load(file).items():
        try:
            await connection.prepare(statement)
        except asyncpg.PostgresError as exc:
            pytest.fail(f"{file}.{name}: {exc}")


async def test_intake_reads_large_tables_by_index_with_plans_of_either_kind(connection: asyncpg.Connection):
    await connection.execute(FILL)
    await connection.execute("analyze")
    for mode in ("force_custom_plan", "force_generic_plan"):
        await connection.execute(f"set plan_cache_mode = {mode}")
        for name, arguments in BATCH.items():
            read = await scanned(connection, load("intake/receive")[name], arguments)
            assert LARGE.isdisjoint(read), f"{name} with {mode} reads all of {read}"


async def test_intake_reads_few_rows_with_plans_made_while_the_tables_were_empty(connection: asyncpg.Connection):
    await connection.execute("vacuum analyze")
    await connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    planned = {name: await connection.prepare(load("intake/receive")[name]) for name in LOADED}
    for name, read in planned.items():
        await read.fetch(*BATCH[name])
    await connection.execute(FILL)
    for name, read in planned.items():
        async with connection.transaction():
            assert await read.fetch(*BATCH[name])
            assert await connection.fetchval(ROWS_READ) < 20 * len(ACCOUNTS), name


@pytest.mark.parametrize(
    ("file", "name", "arguments", "role"),
    [
        ("run/operations", "measure_queues", (), "none"),
        ("see/reading", "queues", (None,), "none"),
        ("see/reading", "queues", (None,), "frontdesk_agent"),
    ],
)
async def test_queues_are_counted_without_a_look_at_what_has_ended(
    connection: asyncpg.Connection, file: str, name: str, arguments: tuple[None, ...], role: str
):
    await connection.execute(FILL)
    await connection.execute("vacuum analyze")
    await connection.execute(f"set app.agent_id = 1; set role {role}")
    async with connection.transaction():
        [counted] = await connection.fetch(load(file)[name], *arguments)
        assert counted["waiting"] == ROWS / 10
        assert await connection.fetchval(ROWS_READ) < ROWS / 5


@pytest.mark.parametrize("role", ["none", "frontdesk_agent"])
async def test_lists_read_few_rows_of_a_long_history_with_plans_made_while_the_tables_were_empty(
    connection: asyncpg.Connection, role: str
):
    await connection.execute("vacuum analyze")
    await connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    await connection.execute(f"set app.agent_id = 1; set role {role}")
    tickets = await connection.prepare(load("see/reading")["tickets"])
    assert await tickets.fetch(None, None, None, 0, NEWEST, 50) == []
    await connection.execute(f"reset role; {LONG_HISTORY}; set role {role}")
    for wanted, shown in LISTS.items():
        async with connection.transaction():
            assert [row["id"] for row in await tickets.fetch(None, *wanted, 50)] == shown, wanted
            assert await connection.fetchval(ROWS_READ) < 500, wanted


@pytest.mark.parametrize("role", ["none", "frontdesk_agent"])
async def test_pages_are_read_by_index_with_plans_made_while_the_tables_were_empty(
    connection: asyncpg.Connection, role: str
):
    await connection.execute("vacuum analyze")
    await connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    await connection.execute(f"set app.agent_id = 1; set role {role}")
    for name, arguments in OF_CUSTOMERS.items():
        assert await scanned(connection, load("see/reading")[name], arguments) == [], name
    planned = [await connection.prepare(read) for read in DOCUMENTS]
    for read in planned:
        assert await read.fetchval() is None
    await connection.execute(f"reset role; {FILL}; set role {role}")
    for read in planned:
        async with connection.transaction():
            assert await read.fetchval()
            assert await connection.fetchval(ROWS_READ) < 100, read.get_query()


@pytest.mark.parametrize("role", ["none", "frontdesk_agent"])
@pytest.mark.parametrize(("file", "name", "arguments"), LAST_PAGES)
async def test_last_page_of_many_is_read_without_a_look_at_those_before(
    connection: asyncpg.Connection, file: str, name: str, arguments: tuple[object, ...], role: str
):
    await connection.execute(f"{FILL}; {AUDITED}")
    await connection.execute("vacuum analyze")
    await connection.execute("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    await connection.execute(f"set app.agent_id = 1; set role {role}")
    async with connection.transaction():
        assert len(await connection.fetch(load(file)[name], *arguments)) == 50
        assert await connection.fetchval(ROWS_READ) < 500


async def scanned(connection: asyncpg.Connection, statement: str, arguments: Arguments) -> list[str]:
    """The tables that the plan of a prepared statement reads from one end to the other."""
    return [node["Relation Name"] for node in await plan(connection, statement, arguments) if is_scan_of_all(node)]


async def plan(connection: asyncpg.Connection, statement: str, arguments: Arguments) -> list[dict]:
    """The nodes of the plan that a prepared statement gets."""
    types = ", ".join(_type(parameter) for parameter in (await connection.prepare(statement)).get_parameters())
    await connection.execute(f"prepare planned ({types}) as {statement}")
    literals = [
        await connection.fetchval("select quote_literal($1::text)", literal(argument)) for argument in arguments
    ]
    [[document]] = await connection.fetch(f"explain (format json) execute planned ({', '.join(literals)})")
    await connection.execute("deallocate planned")
    return list(nodes(json.loads(document)[0]["Plan"]))


def _type(parameter: asyncpg.Type) -> str:
    return parameter.name.removesuffix("[]") + ("[]" if parameter.kind == "array" else "")


def literal(values: list[object] | int | str) -> str:
    if isinstance(values, (int, str)):
        return str(values)
    return "{" + ",".join(f'"\\\\x{v.hex()}"' if isinstance(v, bytes) else f'"{v}"' for v in values) + "}"


def nodes(node: dict) -> Iterator[dict]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def is_scan_of_all(node: dict) -> bool:
    """A sequential scan, or an index read from one end to the other."""
    conditions = {"Index Cond", "Recheck Cond"} & node.keys()
    return "Relation Name" in node and "Scan" in node["Node Type"] and not conditions
