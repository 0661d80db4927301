"""What measures: run by make bench and make package."""
