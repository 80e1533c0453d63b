#!/bin/sh
# Builds one program from a module of its own:
#
#	build.sh <module directory> <package> <output> [linker flags]
#
# A server takes minutes to build the first time, and the go command is silent
# meanwhile. This says every few seconds that it is still at work. What the go
# command prints is shown only when the build fails.
set -eu

module=$1
package=$2
output=$3
linker_flags="-s -w ${4-}"

name=$(basename "$output")
mkdir -p "$(dirname "$output")"
output=$(cd "$(dirname "$output")" && pwd)/$name
log=$output.log
begin=$(date +%s)

elapsed() {
	echo $(($(date +%s) - begin))
}

echo "$name: building (the first build takes minutes)"

# The log has one line for each package that was compiled or module that was
# downloaded. The output of sleep goes nowhere because whoever reads ours would
# wait for it.
while sleep 15 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
	echo "$name: still building after $(elapsed) s ($(wc -l <"$log" | tr -d ' ') packages and modules so far)"
done &
progress=$!
trap 'kill $progress 2>/dev/null' EXIT
trap 'exit 130' INT TERM

if ! (cd "$module" && "${GO:-go}" build -v -trimpath -ldflags "$linker_flags" -o "$output" "$package") >"$log" 2>&1; then
	echo "$name: the build failed after $(elapsed) s:" >&2
	tail -n 20 "$log" >&2
	exit 1
fi
rm -f "$log"
# make compares times, and the go command leaves a file alone that is up to date.
touch "$output"
echo "$name: built in $(elapsed) s"
