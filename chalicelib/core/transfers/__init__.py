"""Imports and exports: their jobs, files, columns and rows."""
