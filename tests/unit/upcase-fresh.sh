#!/bin/sh
# upcase-fresh.sh: src/core/upcase.h is what tools/make-upcase writes, and the tool refuses wrong data.
#
# Usage: upcase-fresh.sh [SOURCE ROOT]. Needs python3 and Debian's unicode-data; prints TAP.
set -u

root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
data=/usr/share/unicode
number=0
failed=0

result() { # STATUS NAME
	number=$((number + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		failed=1
	fi
}

# The table without the comment above it, which names the data's version and year.
table() {
	sed '1,/^ \*\/$/d' "$1"
}

if [ ! -r $data/UnicodeData.txt ] || [ ! -r $data/DerivedAge.txt ] || ! command -v python3 >/dev/null; then
	echo "1..0 # SKIP python3 or unicode-data is not installed"
	exit 0
fi
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

"$root/tools/make-upcase" -o "$folder/upcase.h"
result $? "the table is made"

version=$(sed -n 's/.*DerivedAge-\([0-9.]*\)\.txt.*/\1/p;q' $data/DerivedAge.txt)
if grep -qF "Database $version " "$root/src/core/upcase.h"; then
	diff -u "$root/src/core/upcase.h" "$folder/upcase.h" >"$folder/diff"
else
	# Another Unicode version than the one kept must still give the same table.
	table "$root/src/core/upcase.h" >"$folder/kept"
	table "$folder/upcase.h" >"$folder/made"
	[ -s "$folder/kept" ] && diff -u "$folder/kept" "$folder/made" >"$folder/diff"
fi
result $? "it is the one that is kept"
[ -f "$folder/diff" ] && sed 's/^/# /' "$folder/diff"

# One mapping too few, one to be left out that is not there, and data that are none.
refuses() { # NAME
	"$root/tools/make-upcase" -d "$folder" -o "$folder/none.h" 2>"$folder/error"
	[ $? -eq 1 ] && grep -q '^make-upcase: ' "$folder/error" && [ ! -e "$folder/none.h" ]
	result $? "$1"
}
cp $data/DerivedAge.txt "$folder"
grep -v '^0061;' $data/UnicodeData.txt >"$folder/UnicodeData.txt"
refuses "972 mappings are refused"
grep -v '^00B5;' $data/UnicodeData.txt >"$folder/UnicodeData.txt"
refuses "an exception without a mapping is refused"
cp $data/UnicodeData.txt "$folder"
: >"$folder/DerivedAge.txt"
refuses "ages without a version are refused"

echo "1..$number"
exit $failed
