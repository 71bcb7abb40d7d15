"""What is of this machine: PostgreSQL from a wheel, processes beside this one, their files and memory."""
