"""Sync without rsync: the archive's lists say what there is, the download engine brings it.

In the order of a run: ``sources`` (which list tells of a tree), ``lists`` and ``remote`` (read
them), ``local`` (what is here), ``compare`` and ``doubts`` (the plan), ``fetch`` (carry it out);
``transport`` puts it together.
"""
