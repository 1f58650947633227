#!/bin/sh
# Installs the Debian packages named as arguments, if they are missing: as root,
# or by sudo if that asks no password. Otherwise it says what to run, and fails.
# No service is started by it: the tests start what they need themselves.
set -eu

missing=
for package in "$@"; do
    if ! dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "These packages are needed; install them and run this again:" >&2
    echo "    sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

# A policy that refuses keeps the packages' own services from being started.
policy=/usr/sbin/policy-rc.d
made_policy=
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod +x "$policy"
    made_policy=yes
fi
clean_up() {
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
}
trap clean_up EXIT

$as_root apt-get update -q
# shellcheck disable=SC2086 # The list is several words on purpose.
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends $missing
