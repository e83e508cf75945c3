"""What is written about a design or the drug, before or beside a trial."""
