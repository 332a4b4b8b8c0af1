"""The ground floor: what the bot stands on. Nothing here imports from above."""
