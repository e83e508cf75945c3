"""ADaM: the analysis datasets, derived from SDTM by pure functions, frames in and frames out."""
