"""The demonstration: made-up customers and agents around the real router. `frontdesk demo` starts it."""
