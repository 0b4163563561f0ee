"""One file for each family of components: the topics it reads, the messages of its services."""
