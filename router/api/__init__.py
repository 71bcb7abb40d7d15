"""All aiohttp servers."""
