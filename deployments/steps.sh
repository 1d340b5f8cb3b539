# SPDX-License-Identifier: Apache-2.0
# Steps that deployments/run and deployments/test share; sourced, not run. Each says what it is about to do.

say() { printf '\n== %s\n' "$*"; }

fail() {
    printf '\n%s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Ends with instructions if there is no Swift, or one that is too old.
need_swift() {
    command -v swift > /dev/null || fail "Swift is not installed, or not on the PATH.
Beltway is built with Swift 6.3: https://www.swift.org/install/linux/ (choose Debian 12), then run this again."
    local version
    version=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    case $version in
    6.[3-9] | 6.[1-9][0-9] | [7-9].* | [1-9][0-9].*) ;;
    *) fail "Swift ${version:-of an unknown version} is installed; Beltway is built with Swift 6.3 or later.
See https://www.swift.org/install/linux/." ;;
    esac
}

# Installs by apt those of the named packages that are missing; asks nothing.
need_packages() {
    if ! command -v dpkg-query > /dev/null; then
        say "This is no Debian: please see to it that these packages, or their equivalents, are installed: $*"
        return 0
    fi
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2> /dev/null | grep -q '^install ok installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local command="apt-get install -y --no-install-recommends ${missing[*]}"
    say "Installing what is missing: ${missing[*]}"
    if [ "$(id -u)" != 0 ] && ! command -v sudo > /dev/null; then
        fail "This needs root, and there is no sudo. As root, run:
    apt-get update && $command
then run this again."
    fi
    # tshark's package asks whether everyone may capture; the answer is no.
    if [[ " ${missing[*]} " == *" tshark "* ]] && command -v debconf-set-selections > /dev/null; then
        echo 'wireshark-common wireshark-common/install-setuid boolean false' | as_root debconf-set-selections
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
    # shellcheck disable=SC2086 # the package names are words of their own
    as_root env DEBIAN_FRONTEND=noninteractive $command
}

# What building Beltway needs besides Swift.
libraries=(libpcap-dev libpcre2-dev libsqlite3-dev zlib1g-dev pkg-config git ca-certificates)
