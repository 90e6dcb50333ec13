"""From checked values to ``Settings``: mirrors made whole, targets gathered, origins noted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pdb_cli.archive.datatypes import DataType
from pdb_cli.archive.layouts import Layout
from pdb_cli.archive.mirrors import BUILTIN_MIRRORS, Mirror, find_mirror
from pdb_cli.config.keys import ANY, KEYS, KeyPath, find_key, nearest_name
from pdb_cli.config.kinds import MIRROR_NAME, MIRROR_NAMES
from pdb_cli.config.settings import Origin, OriginKind, Settings, SyncTarget
from pdb_cli.errors import InvalidValueError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdb_cli.config.given import Given
    from pdb_cli.config.settings import PathSettings
    from pdb_cli.config.toml_file import ConfigText

_Section = TypeVar("_Section", bound=Any)


def build_settings(
    given: Sequence[Given], *, file: ConfigText | None, environ: Mapping[str, str]
) -> Settings:
    """Check every value, let the later ones win, and build the settings.

    Parameters
    ----------
    given
        What the sources give, the strongest source last.
    file
        The configuration file, for the mirrors and targets in it that have no value.
    environ
        Where ``~`` is.

    Raises
    ------
    SettingsError, InvalidValueError, UnknownNameError
        A value is not acceptable, whether or not a later one replaces it.
    """
    values = {item.path: item.value(environ) for item in given}
    mirrors = _mirrors(file, values)
    for item in given:
        if item.key.kind is MIRROR_NAMES:
            values[item.path] = _real_names(item, item.value(environ), mirrors)
        elif item.key.kind is MIRROR_NAME:
            (values[item.path],) = _real_names(item, (item.value(environ),), mirrors)
    defaults = Settings()
    paths = _section(values, ("paths",), defaults.paths)._replace(
        data_type_dirs={
            DataType(name): path
            for name, path in _named(values, ("paths", "data_type_dirs")).items()
        },
    )
    if paths.data_type_dirs:
        _check_type_dirs(paths, given)
    return Settings(
        paths=paths,
        mirror=_section(values, ("mirror",), defaults.mirror),
        mirrors=mirrors,
        download=_section(values, ("download",), defaults.download),
        sync=_section(values, ("sync",), defaults.sync)._replace(targets=_targets(file, values)),
        jobs=_section(values, ("jobs",), defaults.jobs),
        api=_section(values, ("api",), defaults.api),
        origins=_origins({item.path: item.origin for item in given}, mirrors),
    )


def _check_type_dirs(paths: PathSettings, given: Sequence[Given]) -> None:
    """See that no type is kept where another one, or the collection is."""
    from pdb_cli.operations.sync.trees import check_type_dirs  # noqa: PLC0415 - seldom

    try:
        check_type_dirs(paths.pdb_dir, paths.data_type_dirs)
    except InvalidValueError as error:
        for item in given:
            if ".".join(item.path) == error.name and item.file is not None:
                problem = f"expected {error.expected}"
                raise item.file.error(item.written, problem) from error
        raise


def _real_names(
    item: Given, names: tuple[str, ...], mirrors: Mapping[str, Mirror]
) -> tuple[str, ...]:
    """Return the names of the mirrors that names and regions mean, each once."""
    try:
        return tuple(dict.fromkeys(find_mirror(name, mirrors).name for name in names))
    except UnknownNameError as error:
        raise item.refusal(error) from error


def _mirrors(file: ConfigText | None, values: Mapping[KeyPath, Any]) -> dict[str, Mirror]:
    """Build the configured mirrors; what is not said of a built-in one is as built in."""
    mirrors: dict[str, Mirror] = {}
    if file is None:
        return mirrors
    for written in file.tables("mirrors"):
        path = file.canonical(written)
        name = path[-1]
        base = BUILTIN_MIRRORS.get(name, Mirror(name, None, (), Layout.CLASSIC))
        mirror = _section(values, path, base)
        if mirror.https is None and not mirror.rsync:
            near = nearest_name(name, BUILTIN_MIRRORS)
            suggestion = f"mirrors.{near}" if near else None
            raise file.error(written, "a mirror needs https, rsync or both", suggestion)
        mirrors[name] = mirror
    return mirrors


def _targets(file: ConfigText | None, values: Mapping[KeyPath, Any]) -> dict[str, SyncTarget]:
    """Build the sync targets."""
    paths = file.tables("sync", "targets") if file else []
    return {path[-1]: _section(values, path, SyncTarget()) for path in paths}


def _section(values: Mapping[KeyPath, Any], path: KeyPath, base: _Section) -> _Section:
    """Return a section with the values that are given for its fields."""
    given = _named(values, path)
    changed: _Section = base._replace(**{key: given[key] for key in base._fields if key in given})
    return changed


def _named(values: Mapping[KeyPath, Any], section: KeyPath) -> dict[Any, Any]:
    """Return the values directly in a section, by the last name of their keys."""
    return {path[-1]: value for path, value in values.items() if path[:-1] == section}


def _origins(given: Mapping[KeyPath, Origin], mirrors: Mapping[str, Mirror]) -> dict[str, Origin]:
    """Return the origin of every key that has a value, in the order of the table."""
    default = Origin(OriginKind.DEFAULT)
    origins: dict[str, Origin] = {}
    for key in KEYS:
        if ANY not in key.path:
            paths = [key.path]
        elif key.path[0] == "mirrors":
            paths = [("mirrors", name, key.path[-1]) for name in mirrors]
        else:
            paths = [path for path in given if find_key(path) is key]
        origins |= {".".join(path): given.get(path, default) for path in paths}
    return origins
