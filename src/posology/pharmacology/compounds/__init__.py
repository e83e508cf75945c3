"""What a compound is made of, each number with its evidence."""
