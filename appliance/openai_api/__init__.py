"""Programs that know OpenAI's HTTP interface: speech to text, chat, and text to speech."""
