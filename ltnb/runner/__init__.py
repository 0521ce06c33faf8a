"""Runs lessons with other parameters, many at a time, and picks up where it was stopped.

The way of a run: ``catalogue`` finds the notebooks and says (and checks) what to run them with, ``plan`` turns that
into tasks, ``execution`` gives each a ``kernel`` of its own and ``display`` shows how far they are, ``folders`` keeps
what is finished apart from what is half-written, and ``table`` prints what came out.
"""
