"""Groups of commands of the command line: options in, a room's function called, its answer printed."""
