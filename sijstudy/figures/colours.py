"""Colours and sizes of text that figures share."""

from __future__ import annotations

# Okabe and Ito's palette, told apart with every common colour vision.
BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#5A5A5A",
)  # fmt: skip
PALETTE = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY)  # the order in which lines take them
GROUP_COLOURS = {"axSpA": VERMILION, "control": BLUE}
LABEL_COLOURS = {1: VERMILION, 0: BLUE}
SEGMENT_COLOURS = {"left ilium": SKY, "right ilium": SKY, "sacrum": GREEN, "bone": GREEN, "edema": ORANGE}

TITLE, SMALL = 11, 10  # points; reports show a figure about as wide as its inches times 75 pixels
