"""What a patient's course amounts to: pure functions of arrays, each the criteria it cites."""
