"""What the command line answers without torch: help, version, lists, which command was meant.

Here belongs what must be there at once. Nothing here imports torch but what asks for the settings of one thing.
"""
