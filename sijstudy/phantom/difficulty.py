"""What makes the synthetic cohort easy or hard: the tuning constants of the phantom, in one place.

Signals are in units in which enhanced blood is near 1; they imitate a gadolinium-enhanced, fat-suppressed
T1-weighted sequence (paper 2.1). All numbers here are ASSUMED: the paper publishes no intensities.
"""

from __future__ import annotations

# --- tissue signal ------------------------------------------------------------------------------
FAT = 0.15  # suppressed by DIXON: dark, never quite black
MUSCLE = 0.30  # enhances a little, brighter than marrow
MARROW = 0.23  # fatty marrow loses its fat signal; red marrow and enhancement remain
CORTEX = 0.05
CARTILAGE = 0.27
LIGAMENT = 0.10
DISC = 0.17
FLUID = 0.09  # cerebrospinal fluid stays dark on T1
NERVE = 0.30
SKIN = 0.36
VESSEL = 0.80
VESSEL_SPREAD = (0.45, 1.15)  # small vessels are dimmed by partial volume, large arteries by flow
FLOW_VOID = 0.11  # of a vessel's signal
FLOW_VOID_RATE = 0.3  # large arteries whose blood left the slice before it was read out
BOWEL_WALL = 0.52

# --- positioning ---------------------------------------------------------------------------------
POSE_LIMIT = 1.5  # SDs of turn and shift at most: a scan that lies further askew is planned again

# --- the lesion ---------------------------------------------------------------------------------
# signal a focus adds to marrow, faint to gross; below about 0.12 it drowns in the mottle of the marrow
EDEMA_GAIN = (0.26, 0.60)
EDEMA_GAIN_POWER = 1.15  # > 1 makes faint foci more frequent than gross ones
EDEMA_MIN_AREA_MM2 = 180.0  # "only slices in which lesions were clearly observed" [2.1]: about 13 x 14 mm at least
EDEMA_SEEN_MM2 = 30.0  # in whole examinations, edema that reaches a slice beside a lesion counts from here on
EDEMA_MIN_CONTRAST = 3.1  # mean of the lesion over that of the joints' region without it, in SDs of the latter
EDEMA_MAX_BRIGHTENING = 2.5  # a lesion that would need more stays as hard to see as that leaves it
EDEMA_DEPTH_MM = (6.0, 24.0)  # how far a focus reaches from the joint into the bone
EDEMA_HALF_WIDTH_MM = (4.0, 12.0)  # half extent through the planes
EXTRA_FOCI_PER_MM = 0.06  # beyond those that cover every slice of a stretch
LEAST_EXTRA_FOCI = 1  # in each stretch: sacroiliitis shows in more than one place, which tells it from strain
EDEMA_HALF_LENGTH = (0.12, 0.42)  # half extent along the joint, in units of its length of about 90 mm
EDEMA_SOFTNESS = 0.80  # width of the fading rim in units of the lesion field: ill-defined edges
EDEMA_RAGGEDNESS = 0.32  # weight of the noise that makes the outline atypical
FAR_KIND = 0.09  # of all foci, in the wing of the ilium; as many towards the middle of the sacrum
FAR_DEPTH_MM = (14.0, 40.0)  # how far such a focus reaches from its middle, towards the joint and away from it
WING_START_MM = (0.0, 36.0)  # from the joint to its middle: it reaches far from the joint, or lies apart
MIDLINE_START_MM = (0.0, 50.0)
UNILATERAL_RATE = 0.35  # ASSUMED: one joint only, in about a third of the subjects

# --- edema of mechanical strain, in both classes with one distribution ----------------------------
STRESS_RATE = 0.32  # ASSUMED: of all subjects; a quarter to two fifths of healthy, active people show some on MR
STRESS_RANGE_MM = (-20.0, 20.0)  # where through the planes it begins

# --- bright look-alikes, in both classes with one distribution -----------------------------------
MARROW_MOTTLE = 0.10  # relative SD of slow marrow variation (islands of red marrow)
MARROW_ISLANDS = (0.02, 0.10)  # signal of the brightest islands of red marrow, away from the joint or near it
SPOT_RATE = 5.0  # mean number of small vessel spots per subject in the bone, near joints and foramina
SPOT_GAIN = (0.15, 0.50)
SPOT_RADIUS_MM = (0.9, 2.0)  # small: an edema focus must be larger than the largest spot
JOINT_LINE = (0.0, 0.30)  # signal added to the joint space (enhancing synovium or a little fluid)
FORAMEN_VEIN = (0.15, 0.60)  # signal of the veins round the sacral nerve roots: paper Fig. 8b
PATCH_RATE = 9.0  # mean number of edema-like bright patches in soft tissue per subject
PATCH_NEAR = 0.35  # share of them beside the joints, where the default ROI lies; the others lie round it
HEMANGIOMA_RATE = 2.0  # mean number per subject of round, sharply bordered bright spots in bone, away from the joints
HEMANGIOMA_RADIUS_MM = (3.5, 7.0)
HEMANGIOMA_FROM_JOINT_MM = 12.0  # edema that lies as far from the joint is ragged and fades, this does not
PATCH_GAIN = (0.12, 0.50)  # as bright as edema
MUSCLE_VEINS = 70  # short vessel segments in muscle and ligament per subject
FACET_LINE = (0.0, 0.5)  # signal in the facet joints: fluid or enhancing synovium
FAT_FAILURE = (0.0, 0.60)  # peak signal of unsuppressed fat near the edge of the field of view

# --- the scanner --------------------------------------------------------------------------------
NOISE_SD = (0.012, 0.026)  # Rician noise at 448 x 448 over 250 mm
SHADING_SD = 0.12  # log-signal SD of the receive profile beyond the coil's fall-off
STORED_SCALE = (700.0, 1500.0)  # stored units per unit signal, differs between examinations
