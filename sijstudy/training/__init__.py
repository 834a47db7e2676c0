"""A manifest in; patches and trained networks out, kept by the hash of all that determines them.

``patches`` makes what the networks are shown of the slices, ``inputs`` batches of it with noise, ``loop`` trains one
network on one fold, ``parallel`` and ``cluster`` many of them. ``scoring`` asks a trained one. ``store`` keeps them,
``networks`` finds those of a finished study, ``pruning`` those that nobody needs; ``device`` says how exactly they are
computed.
"""
