"""Data in, matplotlib Figures out; nothing here reads a file.

paper draws the paper's figures; each other module those of one part of the reports: audit, performance (calibration
and decision curves), failures, external, ablations, diagnosis. overlays: how any slice, outline and map is
drawn; plain: with which settings.
"""
