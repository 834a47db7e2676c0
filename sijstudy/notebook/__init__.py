"""What a notebook calls: a profile's parameters in; a workspace, and what is shown below a cell, out.

workspace opens the cohort (cohort), the networks and the tables; display and provenance show results. explorer: data
of a report's sliders. The live panels: live_panels (widgets) ask panel_state (numbers), live_drawings, live_markup.
"""
