"""All SQL and all asyncpg."""
