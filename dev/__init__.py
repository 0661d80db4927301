"""What a developer runs: the local AWS, the local server, the demo."""
