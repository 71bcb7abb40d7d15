"""The chat channel: one module a provider."""
