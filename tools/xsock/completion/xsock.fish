# fish: xsock(1) itself says how its command line may go on.

function __xsock_complete
    set -l words (commandline -opc)
    set -l token (commandline -ct)
    # The token has its quote, which is open, and its backslashes still.
    set -l cur (string replace -r '^[\'"]' '' -- $token | string replace -ra '\\\\(.)' '$1')
    set -l answer (xsock completion -- $words[2..] "$cur" 2>/dev/null)
    set -l head "$answer[2]"
    set -l rest (string sub -s (math (string length -- "$head") + 1) -- "$cur")
    switch "$answer[1]"
        case command
            set -l first (math $head + 2)
            complete -C (string join ' ' -- (string escape -- $words[$first..]) "$token")
        case files
            for path in (__fish_complete_path "$rest")
                printf '%s\n' "$head$path"
            end
        case folders
            for path in (__fish_complete_directories "$rest" '')
                printf '%s\n' "$head$path"
            end
        case words
            for line in $answer[3..]
                printf '%s\n' "$head$line"
            end
    end
end

complete -c xsock -f -a '(__xsock_complete)'
