"""The file of accounts: our mailboxes, numbers and pages, and the secrets that prove who calls. Pure."""
