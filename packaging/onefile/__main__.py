"""Where Python begins in lvstui.pyz: every Python since 2.7 must be able to read this file."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (a sentence for older ones)
    sys.exit(
        "lvstui: needs Python 3.11 or later, and this is %d.%d.%d: start it with a later one, as in python3.11 %s"  # noqa: UP031
        % (tuple(sys.version_info[:3]) + (sys.argv[0],))  # noqa: RUF005
    )

import lvstui_onefile

lvstui_onefile.run()
