# build.sh: what the scripts beside it do to build. To be sourced, in the repository's root.

# quietly LOG COMMAND...: runs a command; what it says is shown only when it fails.
quietly() {
	log=$1
	shift
	"$@" >"$log" 2>&1 || {
		cat "$log" >&2
		return 1
	}
}

# build FOLDER [MESON-OPTION...] [-- TARGET...]: sets build/FOLDER up once and brings it up to date.
build() {
	folder=build/$1
	shift
	mkdir -p build
	echo "Building $folder"
	options=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	[ $# -eq 0 ] || shift
	if [ ! -e "$folder/build.ninja" ]; then
		# shellcheck disable=SC2086
		quietly "$folder.log" meson setup "$folder" $options || return 1
	fi
	quietly "$folder.log" ninja -C "$folder" --quiet "$@"
}
