"""The stages from a job to its result: recognise, resolve, confirm, commit."""
