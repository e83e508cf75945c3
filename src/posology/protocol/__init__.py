"""The trial as planned: reads and checks the YAML, and builds the design, rules and cohorts that it names."""
