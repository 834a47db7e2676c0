"""What the network tells apart on a slice: numbers from 1 on; 0 is all else."""

BONES = ("left ilium", "right ilium", "sacrum", "lumbar", "middle of the sacrum")
SACRUM = ("sacrum", "middle of the sacrum")  # its wings and first body; what lies between its foramina
JOINT_BONES = ("left ilium", "right ilium", *SACRUM)  # in which edema is looked for
