"""A link: its code, its target, its options, its rules."""
