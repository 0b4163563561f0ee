"""One file for each family of components: what it reads, and what a service publishes."""
