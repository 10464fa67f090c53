
# What an option takes, as --help has it: words, and names in capitals of things to be listed.
_gilshim_value()
{
	local kind word=$2 IFS='|'

	for kind in $1; do
		case $kind in
		FILE | PATH) _gilshim_add -f -- "$word" ;;
		DIR) _gilshim_add -d -- "$word" ;;
		LIST) _gilshim_list "$_gilshim_calls" "$word" ;;
		RULES) _gilshim_list "$_gilshim_rules" "$word" ;;
		*[A-Z]*) ;;
		*) _gilshim_add -W "$kind" -- "$word" ;;
		esac
	done
}

_gilshim_add()
{
	local found

	while IFS= read -r found; do
		COMPREPLY+=("$found")
	done < <(compgen "$@")
	case $1 in
	-f | -d) compopt -o filenames 2>/dev/null ;;
	esac
}

# Of items separated by commas the last one.
_gilshim_list()
{
	local IFS=$' \t\n' last=${2##*,}

	_gilshim_add -P "${2%"$last"}" -W "$1" -- "$last"
}

# A program and its arguments, from that word on.
_gilshim_program()
{
	if declare -F _command_offset >/dev/null; then
		_command_offset "$1"
	elif ((COMP_CWORD == $1)); then
		_gilshim_add -c -- "$2"
		_gilshim_add -f -- "$2"
	else
		_gilshim_add -f -- "$2"
	fi
}

# Where the program's words begin that `run` and `doctor`, or `check --`, are given; 0: not yet.
_gilshim_find_program()
{
	local command=$1 i word

	program=0
	for ((i = 2; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == -- ]]; then
			program=$((i + 1))
		elif [[ $word != -* && $command != check ]]; then
			program=$i
		elif [[ ${COMP_WORDS[i + 1]} == = ]]; then
			((i += 2))
		elif [[ -n ${_gilshim_arguments[$command:$word]} ]]; then
			((i += 1))
		fi
		((program)) && return
	done
	# Behind options alone a program is expected.
	[[ $command != check && ${COMP_WORDS[i]} != -* ]] && program=$i
}

_gilshim()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]} option='' program

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		_gilshim_add -W "$_gilshim_commands --help --usage --version" -- "$word"
		return
	fi
	# --key=value is one word, or three where = separates words.
	if [[ $word == = ]]; then
		option=$before word=''
	elif [[ $before == = ]]; then
		option=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ -n ${_gilshim_arguments[$command:$before]} ]]; then
		option=$before
	fi
	_gilshim_find_program "$command"
	if [[ $command == @(run|check|doctor) ]] && ((program && program <= COMP_CWORD)); then
		_gilshim_program "$program" "$word"
	elif [[ -n $option ]]; then
		_gilshim_value "${_gilshim_arguments[$command:$option]}" "$word"
	elif [[ $word == --*=* ]]; then
		_gilshim_value "${_gilshim_arguments[$command:${word%%=*}]}" "${word#*=}"
		COMPREPLY=("${COMPREPLY[@]/#/${word%%=*}=}")
	elif [[ $word == -* ]]; then
		_gilshim_add -W "${_gilshim_options[$command]}" -- "$word"
		[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
	else
		_gilshim_add -f -- "$word"
	fi
	return 0
}

complete -F _gilshim gilshim
