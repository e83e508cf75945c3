"""Other people's formats: CDISC SDTM, ADaM and Define-XML; NONMEM event data."""
