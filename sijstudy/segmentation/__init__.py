"""The pelvis on a slice, outlined by a small network: drawings in, bones, edema and ROI boxes out.

In: seeds of drawings (``drawings``), from which ``learn`` makes the network (``network``, shown ``varied`` drawings).
Out: for one examination's slices, upright arrays in their order in the body, the outlines of both ilia, the sacrum, the
vertebrae and edema (``outline``), boxes of the ilia along the stack (``joint_boxes``), and how much edema there is
(``edema_amount``). The weights ship with the package (``weights``), beside a card that tells how they were made.

No patient's image is learned from, in the manner of SynthSeg (Billot et al. 2023): tissues and lesions are drawn anew
for every body, shape, contrast of bones, coil, resolution and noise for every sample, so that the network meets no
scanner it could know by heart.
"""
