"""What is planned over https is what is done, whatever the archive and the user do in between."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pdb_cli.archive.layouts import Layout
from support.archive_simulator import ArchiveSimulator
from support.archive_tree import ArchiveTree
from support.sync_https import HttpsSync, archive_state, tree_state

if TYPE_CHECKING:
    from collections.abc import Callable

_MADE_OF = "1dul"
_IDS = ("9aaa", "9aab", "9baa", "8aaa", "pdb_1000aaab")

_ids = st.sampled_from(_IDS)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("release"), st.sets(_ids, max_size=3), st.sets(_ids, max_size=2)),
        st.tuples(st.just("touch"), _ids, st.integers(-10, 10)),
        st.tuples(st.just("lose"), _ids),
        st.tuples(st.just("run")),
    ),
    min_size=1,
    max_size=6,
)


class _World:
    """An archive, a collection, and what is published."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self.tree = ArchiveTree(folder / "archive", layout=layout)
        # One stays for ever: an empty list is not believed.
        self.tree.publish(copies={_IDS[0]: _MADE_OF, "7zzz": _MADE_OF})
        self.published = {_IDS[0]}
        self.collection = folder / "collection"

    def release(self, toggled: set[str], changed: set[str]) -> None:
        """Add what is not there, remove what is, change what stays."""
        gone = toggled & self.published
        self.tree.publish(
            copies=dict.fromkeys(sorted(toggled - self.published), _MADE_OF),
            change=sorted(changed & self.published - gone),
            obsolete=dict.fromkeys(sorted(gone)),
        )
        self.published ^= toggled

    def touch(self, entry: str, by_s: int) -> None:
        """Give files here another time."""
        for path in self._here(entry):
            mtime_s = path.stat().st_mtime + by_s
            os.utime(path, (mtime_s, mtime_s))

    def lose(self, entry: str) -> None:
        """Delete files here."""
        for path in self._here(entry):
            path.unlink()

    def _here(self, entry: str) -> list[Path]:
        return list(self.collection.rglob(f"*{entry}*.cif.gz"))


@settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=_steps, layout=st.sampled_from(Layout))
def test_a_plan_is_what_the_run_does(steps: list[tuple[object, ...]], layout: Layout) -> None:
    with tempfile.TemporaryDirectory() as name:
        world = _World(Path(name), layout)
        with ArchiveSimulator(world.tree) as mirror:
            sync = HttpsSync(world.collection, mirror.url, layout)
            acts: dict[object, Callable[..., None]] = {
                "release": world.release,
                "touch": world.touch,
                "lose": world.lose,
                "run": lambda: _check_run(sync, world),
            }
            for what, *arguments in [*steps, ("run",)]:
                acts[what](*arguments)


def _check_run(sync: HttpsSync, world: _World) -> None:
    """See that plan, run and trees agree, and that nothing is left to do."""
    before = tree_state(sync.collection)
    planned = sync.plan().said()
    assert tree_state(sync.collection) == before
    run = sync.run()
    assert run.said() == planned
    assert run.transferred() == {path for path in planned if not planned[path].startswith("delete")}
    for plan in run.plans.values():
        assert plan.listing.files == plan.new.files + plan.changed.files + plan.kept.files
    after = tree_state(sync.collection)
    assert after == archive_state(world.tree.root)
    # What was not planned was not touched, and what was planned is another file now.
    assert {
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    } == (set(planned))
    assert not sync.plan().said()
