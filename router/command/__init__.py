"""The commands of `frontdesk`: each reads its arguments, calls one function and prints the result."""
