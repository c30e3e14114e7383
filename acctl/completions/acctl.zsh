#compdef acctl
# zsh completion for acctl, which computes the candidates itself.
_acctl() {
    local -a directories others
    local line
    for line in "${(@f)$(ACCTL_COMPLETE=zsh command acctl -- "${(@)words[1,CURRENT-1]}" "$PREFIX" </dev/null 2>/dev/null)}"; do
        # Candidate and description, separated by a colon.
        if [[ ${line%%:*} == */ ]]; then
            directories+=("$line")
        elif [[ -n $line ]]; then
            others+=("$line")
        fi
    done
    (( $#directories )) && _describe -V directories directories -S ''
    (( $#others )) && _describe -V values others
}
# Autoloaded from fpath, or sourced.
if [[ $funcstack[1] == _acctl ]]; then
    _acctl "$@"
else
    compdef _acctl acctl
fi
