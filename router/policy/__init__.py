"""The policy file: schema, parsing, cross-checks, compiled conditions."""
