"""The email channel: one module a provider."""
