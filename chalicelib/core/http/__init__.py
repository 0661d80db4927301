"""HTTP's own rules: Accept, bodies, pages of lists, idempotency, problem documents."""
