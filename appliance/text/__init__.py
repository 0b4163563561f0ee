"""One spelling for what is written and what is heard, and numbers in words."""
