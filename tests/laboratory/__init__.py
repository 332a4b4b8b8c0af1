"""What is slow or measures: run by .ci/run, not by `python -m tests`."""
