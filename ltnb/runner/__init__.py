"""Runs lessons with other parameters, many at a time, and picks up where it was stopped.

The way of a run: ``catalog`` finds the notebooks, ``profile`` and ``parameters`` say (and check) what to run them with,
``plan`` turns that into tasks, ``execution`` starts one ``worker`` process a task and ``display`` shows how far they
are, ``folders`` keeps what is finished apart from what is half-written, and ``table`` prints what came out.
"""
