"""The verbs: identify, thread, classify, route, offer, and the rules of waiting. Pure; they do not call each other."""
