# bash: xsock(1) itself says how its command line may go on.  The helpers are those of
# the package bash-completion.

# Adds the words of the answer that begin with $rest.
_xsock_words()
{
	local line word
	for line; do
		word=${line%%$'\t'*}
		[[ $word != "$rest"* ]] || COMPREPLY+=("$word")
	done
	[[ ${COMPREPLY[0]-} != *[=/] ]] || compopt -o nospace
}

# _xsock_files f|d: a folder gets its slash here where bash sees no file name
_xsock_files()
{
	local i
	mapfile -t COMPREPLY < <(compgen -"$1" -- "$rest")
	if [ ! "$quoted" ]; then
		compopt -o filenames
		return
	fi
	compopt -o nospace
	for i in "${!COMPREPLY[@]}"; do
		[ ! -d "${COMPREPLY[i]}" ] || COMPREPLY[i]+=/
	done
}

_xsock()
{
	local cur words cword answer head rest quoted= kept=
	_get_comp_words_by_ref -n =:@ cur words cword
	if [[ $cur == [\'\"]* ]]; then
		cur=${cur:1} quoted=1
	else
		# bash replaces what stands behind the last of these.
		kept=${cur%"${cur##*[=:@]}"}
	fi
	mapfile -t answer < <(xsock completion -- "${words[@]:1:cword-1}" "$cur" 2>/dev/null)
	head=${answer[1]-} rest=${cur#"${answer[1]-}"}
	case ${answer[0]-} in
	command) _command_offset $((head + 1)); return ;;
	files) _xsock_files f ;;
	folders) _xsock_files d ;;
	words) _xsock_words "${answer[@]:2}" ;;
	esac
	COMPREPLY=("${COMPREPLY[@]/#/"$head"}")
	COMPREPLY=("${COMPREPLY[@]#"$kept"}")
}

complete -F _xsock xsock
