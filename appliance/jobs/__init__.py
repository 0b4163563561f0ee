"""Jobs that wait and jobs that end: queue, result builder, commit, log line."""
