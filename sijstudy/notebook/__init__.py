"""What a notebook calls: a profile's parameters in; a workspace, and what is shown below a cell, out.

workspace opens the cohort (cohort), the networks and the tables; display and provenance show results. explorer: data
of a report's sliders. The live panels: live_panels (widgets) asks panel_state (thresholds),
slice_viewer (one slice), live_drawings, live_markup.
"""
