"""The connection to the broker, and what is published over it.

What fails is handled by policies of one shape: `record_failure`, `record_success`, and a question
that says what has to wait (`is_waiting` or `waiting`). Retry: `retry_policy`, and `result_commit`
for results that the disk refused. Quarantine: `outbox_quarantine`. Circuit breaker:
`journal.circuit_breaker`. Dead letters: `journal.dead_letters`.
"""
