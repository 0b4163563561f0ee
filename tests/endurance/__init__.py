"""Hours of faults in minutes: each module is a command, with a short form in the tests."""
