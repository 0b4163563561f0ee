"""Timers, alarms, reminders and delayed commands: kept on disk, and rung here."""
