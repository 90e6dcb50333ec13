"""Keep trees of the archive in sync: plan, check, fetch, and last remove what is gone.

``run`` puts it together, ``model`` has the values and the protocol of the two transports, which are
in ``rsync`` and ``https``. What must be true before anything changes is in ``guards``, ``lag`` and
``belief``; what is removed in the end, and how, in ``removal``.
"""
