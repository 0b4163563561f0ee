"""Many boards: signed bundles of sentences, devices file and settings, and an overview."""
