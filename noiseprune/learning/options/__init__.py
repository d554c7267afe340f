"""What models can be told: a record for each, which command, constructors and help read.

Nothing here imports torch or anything else that is slow.
"""
