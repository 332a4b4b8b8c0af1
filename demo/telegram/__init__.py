"""A simulated Telegram: the Bot API over HTTP, and the people who use it."""
