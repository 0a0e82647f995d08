"""The settings of config.toml, from their table."""

from __future__ import annotations

from lvstui.core.config import SETTINGS, Setting
from lvstui.formats.config import toml_value
from tests.docs.parts import code, table


def every_setting() -> str:
    """Return a table of all settings: name, type, values, default, option, and what each is for."""
    heads = ("setting", "what it is for", "values", "default", "option")
    return table(heads, map(_row, SETTINGS.values()))


def _row(setting: Setting) -> tuple[str, ...]:
    values = f"{setting.kind}: {setting.values}" if setting.values else setting.kind
    default = setting.otherwise if setting.default is None else code(toml_value(setting.default))
    options = ", ".join(map(code, setting.option.split(", "))) if setting.option else ""
    return code(setting.name), setting.sentence, values, default, options
