"""What is made for the documents: each part by its name, and the function that writes it in Markdown."""

from collections.abc import Callable, Mapping
from typing import Final

from tests.docs import commands, configuration, json_schema, keys, profile

TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "keys": keys.by_view,
    "commands": commands.every_command,
    "settings": configuration.every_setting,
    "options": commands.options_before_a_command,
    "profile-top": profile.top,
    "profile-services": profile.services,
    "profile-servers": profile.servers,
    "profile-marks": profile.marks,
    "profile-timeouts": profile.timeouts,
    "profile-daemons": profile.daemons,
    "profile-settings": profile.settings,
    "documents": json_schema.documents,
    "objects": json_schema.objects,
}
