"""Verbs: identify, thread, classify, route, offer. Pure; they do not call each other."""
