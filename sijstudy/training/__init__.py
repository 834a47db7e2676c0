"""A manifest in; patches and trained networks out, kept by the hash of all that determines them."""
