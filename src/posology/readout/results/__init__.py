"""What a trial amounts to at a data cutoff, with the events behind every result; tables and figures only show it."""
