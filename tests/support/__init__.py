"""What tests share: fakes, real servers that they start, and recordings."""
