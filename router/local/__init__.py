"""The embedded default: starts and stops PostgreSQL from a wheel."""
