"""The file bucket, and presigned URLs to it."""
