"""Verbs: identify, thread, classify, route, offer, and what follows from waiting. Pure; they do not call each other."""
