"""What the service does, one use case a file. Knows aws and core; knows no HTTP."""
