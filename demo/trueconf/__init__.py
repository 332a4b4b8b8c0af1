"""A simulated TrueConf Server: its API over HTTP, the world behind it, and its failures."""
