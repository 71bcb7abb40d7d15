"""Who gets a ticket: claims, offers, picking, presence and timers."""
