"""The screens on textual; nothing else imports textual."""
