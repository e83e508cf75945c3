"""One arm: how many responses are too few to go on, and how many are enough."""
