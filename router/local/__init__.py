"""This machine: PostgreSQL from a wheel, child processes, files and memory."""
