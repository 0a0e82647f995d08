"""The screens on textual; nothing else imports textual."""

from lvstui.tui.app import run

__all__ = ["run"]
