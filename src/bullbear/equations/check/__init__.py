"""What can be found wrong in equations without running them, one module per subject.

`codes.csv` is the one table of all finding codes.
"""
