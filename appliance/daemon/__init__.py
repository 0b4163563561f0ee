"""The process: start and stop in order, threads, reload, status and metrics."""
