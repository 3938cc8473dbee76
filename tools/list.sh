# list.sh: how the scripts beside it list what tests/runner is to run. To be sourced, in the repository's root.

# The runner's words, one a line: a program's own words are in its line.
list=
add() {
	for word; do
		list="$list$word
"
	done
}

# group NAME JOBS SECONDS
group() {
	add --group "$1" --jobs "$2" --timeout "$3"
}

# programs NAME...: adds those that are programs (not Meson's folders beside them).
programs() {
	for program; do
		[ ! -f "$program" ] || [ ! -x "$program" ] || add "$program"
	done
}

# programs_by COMMAND NAME...: the same, each run by a command.
programs_by() {
	command=$1
	shift
	for program; do
		[ ! -f "$program" ] || [ ! -x "$program" ] || add "$command $program"
	done
}

# Runs what was listed, in place of this script.
run_list() {
	set -f
	IFS='
'
	# shellcheck disable=SC2086
	exec tests/runner $list
}
