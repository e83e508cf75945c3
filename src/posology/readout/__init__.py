"""What is reported: tables, figures, sentences, each number with the events it comes from."""
