"""The benchmark: compares Frontdesk with the plain way of doing the same, in one run on the same servers."""
