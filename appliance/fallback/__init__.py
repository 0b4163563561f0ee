"""The steps for a text that no sentence fits: fuzzy match, then the language model."""
