"""Commands that measure on recordings; not run by the tests."""
