"""The benchmark: what Frontdesk does beside the plain way of doing it, in the same run on the same servers."""
