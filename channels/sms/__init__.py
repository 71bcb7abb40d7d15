"""The sms channel: one module a provider."""
