"""Cases, oracles and tables of bad input for the contract suite; ``registries.py`` lists them."""
