"""The board and the operating system: sensors, systemd, logs, locks."""
