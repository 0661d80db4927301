"""Visits: visitors, their devices and clients, clicks, and how clicks are counted."""
