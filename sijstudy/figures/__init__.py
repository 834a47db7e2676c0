"""Data in, matplotlib Figures out; nothing here reads a file."""
