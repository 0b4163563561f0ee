"""LIVE: on a small warm board, under systemd."""
