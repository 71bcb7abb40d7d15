"""Row-level security, table by table: whatever a statement asks for, it shows nobody what is another team's."""

from itertools import product

from tests.security.matrix import Matrix


async def test_every_table_that_persons_may_read_is_under_row_level_security(matrix: Matrix):
    tables = await matrix.readable_tables()
    assert [table for table, is_secured in tables.items() if not is_secured] == []


async def test_no_table_shows_words_of_another_team(matrix: Matrix):
    tables = await matrix.readable_tables()
    shown = {
        (table, person.name): [row for row in await matrix.rows_for(person, table) if matrix.strange_words(person, row)]
        for table, person in product(tables, matrix.persons)
    }
    assert {place: rows for place, rows in shown.items() if rows} == {}


async def test_who_reads_under_row_level_security_does_not_choose_whose_eyes_to_read_with(matrix: Matrix):
    page = "ticket_page_seen_by(bigint, bigint, text[], integer)"
    [row] = await matrix.api.database.fetch(
        "test", "select has_function_privilege('frontdesk_agent', $1, 'execute') as may", page
    )
    assert not row["may"]
