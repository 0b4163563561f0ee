"""The board and the operating system: sensors, governor, systemd, log, metrics, locks."""
