"""The service on one machine: the server, the AWS beside it, and what they keep."""
