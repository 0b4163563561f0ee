"""What is tried if no sentence fits: fuzzy match, then the language model."""
