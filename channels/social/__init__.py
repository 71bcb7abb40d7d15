"""The social channel: one module a provider."""
