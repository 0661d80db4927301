"""Tests. What they share is in conftest.py; faults are in faults.py."""
