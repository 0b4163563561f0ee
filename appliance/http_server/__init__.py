"""The HTTP server: one thread with an event loop, which serves every site that is switched on."""
