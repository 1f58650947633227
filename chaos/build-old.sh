#!/bin/sh
# Builds the server as it was at an earlier commit, for the row of the chaos run in which two builds replace each other.
#
#     chaos/build-old.sh COMMIT FOLDER
#
# Prints the path of the program. Where the history does not reach back to the commit (a shallow clone, a source
# archive) it says so and prints nothing: the run then uses a copy of the new build and says that, too. A commit that is
# there and cannot be built is an error.
set -eu

commit=$1
folder=$2
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if ! id=$(git rev-parse --quiet --verify "$commit^{commit}"); then
  echo "chaos: there is no commit $commit in this history, so no earlier build can be made;" \
    "a copy of the new one stands in for it" >&2
  exit 0
fi

# The folder remembers what was built there, so that a second run builds nothing.
if [ "$(cat "$folder/commit" 2>/dev/null)" != "$id" ] || [ ! -x "$folder/hubbub" ]; then
  rm -rf "$folder/source" "$folder/commit"
  mkdir "$folder/source"
  git archive "$id" | tar -x -C "$folder/source"
  # Its own target folder: two builds of one package in the same one would take turns replacing each other.
  (cd "$folder/source" && CARGO_TARGET_DIR="$folder/build" "${CARGO:-cargo}" build --release --locked --bin hubbub) >&2
  cp "$folder/build/release/hubbub" "$folder/hubbub"
  echo "$id" >"$folder/commit"
fi
echo "$folder/hubbub"
