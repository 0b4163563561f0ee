"""The language model: a supervised child process around llama.cpp."""
