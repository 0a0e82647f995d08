"""The one table of commands: bindings, the keys below, help and the palette all come from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Command:
    """One thing an operator can do.

    `id` is what a key map names; `keys` as Textual writes them; `action` runs on the view or on the app. `help` is the
    sentence for help and palette, `bar` the few words in the line of keys (empty: not shown there).
    """

    id: str
    keys: str
    action: str
    help: str
    bar: str = ""

    @property
    def key_names(self) -> str:
        """The keys as people read them."""
        return " ".join(_NAMES.get(key, key) for key in self.keys.split(","))


_NAMES = {
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "question_mark": "?",
    "colon": ":",
    "enter": "Enter",
    "escape": "Esc",
    "backspace": "Backspace",
    "delete": "Del",
    "left": "Left",
    "right": "Right",
    "up": "Up",
    "down": "Down",
    "space": "Space",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "equals_sign": "=",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
}

SERVICES = (
    Command("weight.up", "plus,equals_sign", "weight(1)", "stage one more weight", "+ - weight"),
    Command("weight.down", "minus", "weight(-1)", "stage one less weight"),
    Command("weight.drain", "0", "drain", "stage weight 0, or the weight before", "0 drain"),
    Command("edit", "e", "form('edit')", "edit everything of this row in a form", "e edit"),
    Command("add", "a", "form('add')", "add a real server to this service", "a add"),
    Command("add.service", "A", "form('service')", "add a service", "A add service"),
    Command("name", "n", "ask('name')", "name this row (in the profile)"),
    Command("service.note", "N", "ask('note')", "the note of the service (in the profile)"),
    Command("service.scheduler", "S", "ask('scheduler')", "the scheduler of the service"),
    Command("service.timeout", "t", "ask('timeout')", "the service's persistence in seconds (0: none)"),
    Command("server.upper", "u", "ask('upper')", "the connections at which it rests (0: never)"),
    Command("server.lower", "l", "ask('lower')", "the connections at which it is back"),
    Command("delete", "delete,ctrl+d", "delete", "delete this row, after asking"),
    Command("weight.set", "W", "ask_weight", "the weight: 5 +2 -1 50% *1.5 drain restore"),
    Command("copy", "C", "copy", "copy these servers to another service"),
    Command("mark", "J", "mark", "go to the mark of this service in the marks view"),
    Command("bundle", "B", "bundle", "make one mark group of these services, after asking"),
    Command("entries", "E", "entries", "the persistence entries here", "E entries"),
    Command("connections", "c", "connections", "the connections here"),
    Command("entries.move", "M", "entries(True)", "move this server's clients to others, after asking"),
    Command("zero", "R", "zero", "zero the counters of these services, after asking"),
    Command("zero.all", "ctrl+r", "zero_all", "zero all counters, after asking"),
)

FINDING = (
    Command("filter", "slash", "filter", "show only what this finds; see below", "/ filter"),
    Command("regroup", "m", "regroup", "by machine or by service", "m group"),
    Command("sort", "s", "sort", "sort by the next column"),
    Command("sort.invert", "I", "invert", "turn the order round"),
    Command("columns", "o", "columns", "choose the columns and the order"),
    Command("excerpt", "y", "excerpt", "these rows as ipvsadm commands and as TOML"),
    Command("fold", "left", "fold(True)", "fold the service or machine"),
    Command("unfold", "right", "fold(False)", "unfold the service or machine"),
    Command("fold.all", "f", "fold_all", "fold or unfold all services"),
)
"""How the rows of the services view are found."""

DIRECTOR = (
    Command("director.edit", "e", "edit", "edit the value of this row", "Enter edit"),
    Command("director.add", "a", "add", "start a sync daemon", "a start daemon"),
    Command("delete", "delete,ctrl+d", "delete", "stop this sync daemon, after asking", "Del stop"),
    Command("director.release", "x", "release", "let the profile leave this row to the kernel", "x unmanage"),
    Command("filter", "slash", "filter", "show only rows with these words (!not)", "/ filter"),
    Command("fold", "left", "fold(True)", "fold this part"),
    Command("unfold", "right", "fold(False)", "unfold this part"),
)

PERSISTENCE = (
    Command("entry.expire", "x", "expire", "let these entries run out, after asking", "x expire"),
    Command("entry.move", "M", "move", "move these clients to another server, after asking", "M move"),
    Command("entry.pin", "P", "pin", "pin a client to a server, also one without an entry", "P pin"),
    Command("entry.time", "t", "time", "set the time that is left", "t time"),
)

ENTRIES = (
    Command("filter", "slash", "filter", "show only what this finds; see below", "/ filter"),
    Command("regroup", "m", "regroup", "by client network, service or server", "m group"),
    Command("distribution", "D", "distribution", "how the entries spread over the servers", "D spread"),
    Command("prefix", "n", "prefix", "the prefix length of client networks"),
    Command("sort", "s", "sort", "sort by the next column"),
    Command("sort.invert", "I", "invert", "turn the order round"),
    Command("columns", "o", "columns", "choose the columns and the order"),
    Command("excerpt", "y", "excerpt", "these rows as lvstui commands"),
    Command("fold", "left", "fold(True)", "fold this group"),
    Command("unfold", "right,f", "fold(False)", "unfold this group"),
)
"""How persistence entries are found."""

MARKS = (
    Command("mark.add", "a", "add", "make a group: rules, services and servers", "a add group"),
    Command("mark.serve", "A", "serve", "add a service to a mark that is set already", "A add service"),
    Command("mark.edit", "e", "edit", "edit which packets get the mark, in a form", "e edit"),
    Command("name", "n", "name", "name the group (in the profile)"),
    Command("mark.timeout", "t", "timeout", "persistence of its services in seconds (0: none)"),
    Command("mark.adopt", "C", "adopt", "copy rules of others into our table", "C adopt"),
    Command("mark.apart", "B", "apart", "services in place of the group, after asking"),
    Command("mark.restore", "r", "restore", "stage putting back what the kernel lost", "r restore"),
    Command("delete", "delete,ctrl+d", "delete", "delete the group, or this rule of it"),
    Command("entries", "E", "entries", "the persistence entries of this mark", "E entries"),
    Command("mark.service", "J", "service", "go to the mark's service in the services view", "J service"),
)

MARK_FINDING = (
    Command("filter", "slash", "filter", "show only what this finds; see below", "/ filter"),
    Command("sort", "s", "sort", "sort by the next column"),
    Command("sort.invert", "I", "invert", "turn the order round"),
    Command("columns", "o", "columns", "choose the columns and the order"),
    Command("excerpt", "y", "excerpt", "these groups as a script for nft, and ipvsadm lines"),
    Command("fold", "left", "fold(True)", "fold the mark"),
    Command("unfold", "right", "fold(False)", "unfold the mark: its rules and real servers"),
    Command("fold.all", "f", "fold_all", "fold or unfold all marks"),
)
"""How marks are found."""

CONNECTIONS = (
    Command("filter", "slash", "filter", "show only what this finds; see below", "/ filter"),
    Command("sort", "s", "sort", "sort by the next column", "s sort"),
    Command("sort.invert", "I", "invert", "turn the order round"),
    Command("columns", "o", "columns", "choose the columns and the order"),
)

CHANGES = (
    Command("changes.restore", "r", "restore", "stage the profile's side: this line, or the marked ones", "r restore"),
    Command("changes.adopt", "s", "adopt", "save the kernel's side into the profile, after asking", "s save"),
    Command("changes.undo", "u", "take_back", "stage taking this record of the history back", "u take back"),
    Command("filter", "slash", "filter", "show only lines with these words (!not)", "/ filter"),
)

EDITING = (
    Command("open", "enter", "enter", "apply what is staged; else open this row, or edit it", "Enter apply"),
    Command("drop", "escape,backspace", "drop", "drop what is staged; clear the filter", "Esc drop"),
    Command("staged.down", "right_square_bracket", "scroll_staged(1)", "scroll what is staged down"),
    Command("staged.up", "left_square_bracket", "scroll_staged(-1)", "scroll what is staged up"),
    Command("undo", "z", "undo", "stage taking the last edit back", "z undo"),
    Command("redo", "Z", "redo", "stage doing it again"),
    Command("save", "w", "save", "save the kernel's table into the profile"),
    Command("view.next", "tab", "app.next_view", "the next view"),
)
"""What every view can do."""

EVERYWHERE = (
    Command("help", "question_mark", "help", "the keys of this view", "? help"),
    Command("palette", "colon,ctrl+p", "command_palette", "find a command by name"),
    Command("pause", "p", "pause", "stop reading, or go on"),
    Command("interval", "r", "interval", "read every 1, 2, 5 or 10 seconds"),
    Command("repaint", "ctrl+l", "repaint", "send the whole screen again"),
    Command("quit", "q,ctrl+c", "leave", "leave; asks while something is staged", "q quit"),
    Command("advice", "i", "advice", "what an expert would point out, and its edits", "i advice"),
)

MOVING = (
    Command("table.step", "up,down,k,j", "", "one row"),
    Command("table.page", "pageup,pagedown", "", "a page"),
    Command("table.ends", "g,G,home,end", "", "first and last row"),
    Command("table.mark", "space,v,U", "", "mark rows to edit together, a range; clear the marks"),
)
"""What the table itself binds; here for the help only."""


def bindings(commands: Iterable[Command]) -> list[BindingType]:
    """Turn commands into Textual's bindings, each with its id so that a key map can move it."""
    return [Binding(c.keys, c.action, c.help, show=False, id=c.id) for c in commands]
