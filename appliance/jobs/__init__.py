"""A job to a result: queue, worker, execution."""
