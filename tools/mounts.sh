# mounts.sh: what run and stop both ask about mounts. To be sourced.

# The type of the topmost mount on a directory, or nothing. Works on mounts whose program is gone.
mounted_on() {
	# mountinfo writes blanks, tabs, line ends and backslashes as octal.
	escaped=$(printf '%s' "$1" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g')
	MOUNT_POINT=$escaped awk '
		$5 == ENVIRON["MOUNT_POINT"] {
			for (i = 7; i < NF && $i != "-"; i++)
				;
			type = $(i + 1)
		}
		END { print type }' /proc/self/mountinfo
}

# The processes that serve a mount point: those with this program's file and the mount point
# as a word of their command line.
servers_of() {
	for process in /proc/[0-9]*; do
		file=$(readlink "$process/exe" 2>/dev/null) || continue
		[ "${file% (deleted)}" = "$2" ] || continue
		if tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qxF -e "$1"; then
			echo "${process#/proc/}"
		fi
	done
}
