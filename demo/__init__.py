"""The simulated world: a TrueConf Server and a Telegram, from the standard library alone.

`python main.py --demo` shows it to people, and the tests run against it. Not for production.
"""
