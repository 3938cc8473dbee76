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

# build FOLDER [MESON-OPTION...] [-- TARGET...]: sets build/FOLDER up once, anew when the options have
# changed, and brings it up to date.
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
	if [ ! -e "$folder/build.ninja" ] || [ "$(cat "$folder.options" 2>/dev/null)" != "$options" ]; then
		rm -rf "$folder"
		echo "$options" >"$folder.options"
		# shellcheck disable=SC2086
		quietly "$folder.log" meson setup "$folder" $options || return 1
	fi
	quietly "$folder.log" ninja -C "$folder" --quiet "$@"
}

# builds KIND...: brings these builds up to date, each with the options it is for.
builds() {
	sanitized='-Dfrontend=false -Dbuildtype=debugoptimized -Db_lundef=false -Dlock_order=true'
	# Unoptimized, so that a line is a line; threads do not lose each other's counts.
	counted='-Dbuildtype=debug -Db_coverage=true -Dc_args=-fprofile-update=atomic'
	for kind; do
		# shellcheck disable=SC2086
		case $kind in
		release) build release ;;
		address) build address --native-file cross/clang.txt $sanitized -Db_sanitize=address,undefined ;;
		thread) build thread --native-file cross/clang.txt $sanitized -Db_sanitize=thread ;;
		fuzz) build fuzz --native-file cross/clang.txt $sanitized -Db_sanitize=address,undefined -Dfuzz=true ;;
		windows-*) build "$kind" --cross-file "cross/$kind.txt" ;;
		coverage) build coverage $counted ;;
		coverage-windows)
			build coverage-windows --cross-file cross/windows-x86_64.txt $counted -- src/windows/memefs.exe
			;;
		esac
	done
}
