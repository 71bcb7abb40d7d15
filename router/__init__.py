"""Frontdesk: takes customers' messages in, decides which team should answer, and hands tickets to agents."""
