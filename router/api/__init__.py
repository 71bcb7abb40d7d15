"""The HTTP API: every aiohttp server is here."""
