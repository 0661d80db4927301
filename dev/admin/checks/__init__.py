"""What only AWS can show of this service, asked of a deployed stage: ``make verify``."""
