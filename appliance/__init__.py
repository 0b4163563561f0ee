"""An offline voice and small-language-model appliance for single-board computers."""

__version__ = "0.1.0"
