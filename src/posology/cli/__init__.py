"""The command line: a door that holds no rule of its own."""
