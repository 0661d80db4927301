"""The tables: one store a kind of item, and the transactions and queries they share."""
