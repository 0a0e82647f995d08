"""The command completions: what a shell reads to complete the words of lvstui."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Final

from lvstui.commands.place import OpenPlace, Status

_BASH: Final = r"""# bash completion for lvstui; written by `lvstui completions bash`
_lvstui() {
    local answer
    mapfile -t answer < <(
        "${1/#\~/$HOME}" complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null
    )
    COMPREPLY=("${answer[@]:1}")
    if [[ ${answer[0]-} == files ]]; then
        compopt -o default +o nospace 2>/dev/null
    fi
}
complete -o nospace -F _lvstui lvstui
"""

_ZSH: Final = r"""#compdef lvstui
# zsh completion for lvstui; written by `lvstui completions zsh`
_lvstui() {
    local line word about
    local -a answer values shown parts open
    answer=("${(@f)$("${(Q)words[1]}" complete zsh "${(@Q)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
    for line in "${answer[@]:1}"; do
        word=${line%%$'\t'*} about=${line#*$'\t'}
        if [[ $word == *= ]]; then
            parts+=("$word") open+=("$word${about:+  -- $about}")
        else
            values+=("$word") shown+=("$word${about:+  -- $about}")
        fi
    done
    (( $#values )) && compadd -l -d shown -a values
    (( $#parts )) && compadd -l -S '' -d open -a parts
    if [[ $answer[1] == files ]]; then
        compset -P '*='
        _files
    fi
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _lvstui "$@"
else
    compdef _lvstui lvstui
fi
"""

_FISH: Final = r"""# fish completion for lvstui; written by `lvstui completions fish`
function __lvstui_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape)
    set -l answer ($words[1] complete fish $words[2..] "$current" 2>/dev/null </dev/null)
    if test "$answer[1]" = files
        __fish_complete_path (string replace -r '^--[a-z-]+=' '' -- $current)
    end
    printf '%s\n' $answer[2..]
end
complete -c lvstui -f -a '(__lvstui_complete)'
"""

SCRIPTS: Final[Mapping[str, str]] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""What each shell reads. All of them ask `lvstui complete`, by the name under which it was typed."""


def completions(options: Namespace, _: OpenPlace) -> int:
    """Print the script of a shell."""
    print(SCRIPTS[options.shell], end="")
    return Status.OK
