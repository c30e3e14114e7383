# bash completion for acctl, which computes the candidates itself.
_acctl() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() blank word prefix candidate i
    # Complete files after a redirection operator.
    if ((COMP_CWORD > 0)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} =~ ^[0-9\&]*[\<\>]+[\&\|]?$ ]]; then
        compopt -o filenames 2>/dev/null
        while IFS= read -r candidate; do
            [[ -z $candidate ]] || COMPREPLY+=("$candidate")
        done <<<"$(compgen -f -- "$2")"
        return
    fi
    # bash also splits words at ":", "=" and "@": join words without a blank between them.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blank=${rest%%[![:space:]]*}
        rest=${rest#"$blank"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$rest
        rest=${rest#"$word"}
        if ((i > 0)) && [[ -z $blank ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
    word=${words[${#words[@]} - 1]}
    # bash replaces only the part after the last of these characters, but all of a quoted word.
    prefix=
    [[ $word == [\'\"]* ]] || prefix=${word%"$2"}
    while IFS= read -r candidate; do
        [[ -n $candidate ]] || continue
        candidate=${candidate#"$prefix"}
        if [[ $word != [\'\"]* && $candidate == *[^a-zA-Z0-9_.,:=@%/+-]* ]]; then
            printf -v candidate %q "$candidate"
        fi
        COMPREPLY+=("$candidate")
    done <<<"$(ACCTL_COMPLETE=bash command acctl -- "${words[@]}" </dev/null 2>/dev/null)"
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
if ((BASH_VERSINFO[0] > 4 || (BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4))); then
    complete -o bashdefault -o nosort -F _acctl acctl
else
    complete -o bashdefault -F _acctl acctl
fi
