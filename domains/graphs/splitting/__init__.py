"""Which nodes, or graphs, train, validate and are held out.

Here belong the splits that data bring, random ones, and further ones for the last stage of a search.
"""
