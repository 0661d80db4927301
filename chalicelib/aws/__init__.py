"""Fetches and stores. No decisions; clients at module scope, so that a warm container uses them again."""
