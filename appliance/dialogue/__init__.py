"""A session with a person: confirmation, spoken answers, button and light."""
