"""The sentence templates compiled to an automaton, which parses text and constrains decoding."""
