"""Decides. Takes values and returns values: no AWS, no clock, no environment, no Chalice."""
