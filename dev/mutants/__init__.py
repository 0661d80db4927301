"""Guards of the service that are taken away in turn, to see that a test notices."""
