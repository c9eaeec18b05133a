# bash completion for coderunr: commands, their flags (asked of --help), runtimes for --lang, files.

_coderunr() {
        local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
        local command=${COMP_WORDS[1]}

        COMPREPLY=()
        if ((COMP_CWORD == 1)); then
                mapfile -t COMPREPLY < <(compgen -W "serve run execute list package image key worker runtimes config doctor version help" -- "$cur")
        elif [[ $command == @(package|pkg|ppman) ]] && ((COMP_CWORD == 2)); then
                mapfile -t COMPREPLY < <(compgen -W "list install uninstall spec build" -- "$cur")
        elif [[ $command == @(package|pkg|ppman) && $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$("$program" package "${COMP_WORDS[2]}" --help 2>/dev/null |
                        grep -oE '^ +(-[a-z],)? +--[a-z-]+' | grep -oE -- '--[a-z-]+')" -- "$cur")
        elif [[ $command == @(package|pkg|ppman) && ${COMP_WORDS[2]} == @(install|uninstall) ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$("$program" package list 2>/dev/null | awk '{ print $1 }')" -- "$cur")
        elif [[ $command == key ]] && ((COMP_CWORD == 2)); then
                mapfile -t COMPREPLY < <(compgen -W "new list rotate revoke" -- "$cur")
        elif [[ $command == image ]] && ((COMP_CWORD == 2)); then
                mapfile -t COMPREPLY < <(compgen -W "pull list remove" -- "$cur")
        elif [[ $command == image && ${COMP_WORDS[2]} == remove && $cur != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$("$program" image list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$cur")
        elif [[ $prev == --lang || ($prev == -l && $command == run) || ($command == @(execute|exec) && $COMP_CWORD -eq 2) ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$("$program" runtimes 2>/dev/null | awk 'NR > 1 && NF > 1 { print $1 }')" \
                        -- "$cur")
        elif [[ $command == help ]]; then
                mapfile -t COMPREPLY < <(compgen -W "serve run execute list package image key worker runtimes config doctor" -- "$cur")
        elif [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$("$program" "$command" --help 2>/dev/null |
                        grep -oE '^ +(-[a-z],)? +--[a-z-]+' | grep -oE -- '--[a-z-]+')" -- "$cur")
        else
                mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        fi
}

complete -o filenames -F _coderunr coderunr
