"""The commands of `frontdesk`: each reads its arguments, calls one thing, prints the result. Leaves doing it to app."""
