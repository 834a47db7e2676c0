"""What a notebook calls: its workspace, what it shows, sliders and live panels."""
