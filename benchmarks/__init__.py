"""How fast Collegium is against a bare stack that does the same by hand; started by `make bench`."""
