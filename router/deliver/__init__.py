"""Sending replies out."""
