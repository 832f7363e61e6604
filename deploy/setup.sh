#!/usr/bin/env bash
# Makes .venv from requirements.lock and sees to it that there is an MQTT broker. Safe to run again.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# Install Debian packages, or say exactly what somebody who may should type.
install_packages() {
    local why="$1"
    shift
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
            sudo=(sudo -n)
        else
            fail "$why. Please run:  sudo apt-get install -y $*   and then make again."
        fi
    fi
    command -v apt-get >/dev/null || fail "$why, and there is no apt-get here: install $* in your system's way."
    say "Installing $* ..."
    # A broker or database of ours is started by the demo and the tests themselves: no service for the whole machine.
    if ! "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq "$@" >/dev/null 2>&1; then
        "${sudo[@]}" apt-get update -qq >/dev/null 2>&1 || true
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq "$@" >/dev/null ||
            fail "$why, and installing it failed. Please run:  apt-get install -y $*"
    fi
}

find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
        if command -v "$candidate" >/dev/null &&
            "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer is needed. Debian and Ubuntu:  sudo apt-get install -y python3 python3-venv"
}

python="$(find_python)"
if ! PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v mosquitto >/dev/null; then
    install_packages "The MQTT broker mosquitto is missing" mosquitto
fi
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
    say "Creating .venv with $("$python" --version) ..."
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        version="$("$python" -c 'import sys; print(f"{sys.version_info[0]}.{sys.version_info[1]}")')"
        install_packages "Python's venv module is missing" "python$version-venv"
        "$python" -m venv .venv
    fi
fi

say "Installing the locked packages ..."
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
.venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .

say "Ready."
