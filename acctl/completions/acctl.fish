# Completion of acctl for fish. acctl itself answers what may come next.
function __acctl_complete
    ACCTL_COMPLETE=fish command acctl -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token --cut-at-cursor) </dev/null 2>/dev/null
end
complete --command acctl --keep-order --exclusive --arguments '(__acctl_complete)'
