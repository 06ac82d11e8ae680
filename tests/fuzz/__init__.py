"""Random bytes, blocks and device events for the live machinery: ``python -m tests.fuzz midi|sound|devices``."""
