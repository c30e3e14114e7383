# fish completion for acctl, which computes the candidates itself.
function __acctl_complete
    ACCTL_COMPLETE=fish command acctl -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token --cut-at-cursor) </dev/null 2>/dev/null
end
complete --command acctl --keep-order --exclusive --arguments '(__acctl_complete)'
