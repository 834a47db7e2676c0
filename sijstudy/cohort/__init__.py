"""A folder of files and tables in; a checked manifest out: which slice belongs to whom, with label, boxes and hash."""
