"""Migrations are numbered one after the other: two with one number could not both be recorded."""

from pathlib import Path

MIGRATIONS = Path(__file__).parents[3] / "migrations"


def test_every_migration_has_the_next_number():
    numbers = [path.name.partition("_")[0] for path in sorted(MIGRATIONS.glob("*.sql"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]
