"""The queues: clicks to count, files to import or export."""
