#!/usr/bin/env bash
# Installs what sim2real needs, once; `make` calls it. Usage: tools/install.sh system|venv|colcon
#   system  Debian/Ubuntu packages: a Python >= 3.11 with venv, a C compiler, and EGL with a software renderer
#   venv    .venv with the package (editable) and every extra, at the versions of constraints.txt
#   colcon  .venv/colcon, apart because colcon brings pytest plugins: for the test that builds the ROS 2 package
set -eu
cd "$(dirname "$0")/.."
venv=.venv
logs=.make

say() { echo "install: $*"; }

as_root() {  # run a command as root, or fail without asking for a password
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1; fi
}

usable_python() {  # the first interpreter that can do everything: for 3.11 PyBullet need not be built
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
        then echo "$name"; return; fi
    done
    return 1
}

has_pybullet_wheel() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; }

has_headers() {
    "$1" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))'
}

missing_packages() {
    usable_python >/dev/null || {
        # Debian splits ensurepip from Python: add it to the interpreter that is there, else ask for 3.11
        version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
        case $version in
            3.11) echo "python3 python3-venv python3-dev gcc libc6-dev" ;;
            3.1[23]) echo "python3 python3-venv python3-dev g++" ;;
            *) echo "python3.11 python3.11-venv python3.11-dev gcc libc6-dev" ;;
        esac
    }
    python=$(usable_python || true)
    if [ -n "$python" ]; then
        command -v cc >/dev/null || echo gcc libc6-dev
        has_headers "$python" || echo "$("$python" -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"
        if ! has_pybullet_wheel "$python"; then command -v c++ >/dev/null || echo g++; fi
    fi
    libraries=$(/sbin/ldconfig -p 2>/dev/null || true)
    case $libraries in *libEGL.so.1*) ;; *) echo libegl1 ;; esac
    case $libraries in *libOpenGL.so.0*|*libGL.so.1*) ;; *) echo libopengl0 ;; esac
    for driver in /usr/lib/*/dri/swrast_dri.so /usr/lib/*/libgallium-*.so; do
        if [ -e "$driver" ]; then return; fi
    done
    echo libgl1-mesa-dri
}

install_system() {
    packages=$(missing_packages | tr '\n' ' ')
    if [ -z "${packages// /}" ]; then return; fi
    mkdir -p $logs
    if command -v apt-get >/dev/null && as_root true; then
        say "Debian packages: $packages"
        # shellcheck disable=SC2086
        if as_root sh -c "export DEBIAN_FRONTEND=noninteractive; apt-get -qq update && \
                apt-get -qq install -y --no-install-recommends $packages" >$logs/apt.log 2>&1
        then return; fi
        say "apt-get did not succeed (see $logs/apt.log)"
    fi
    say "please install as root: apt-get install $packages"
    usable_python >/dev/null || { say "cannot go on without Python 3.11, 3.12 or 3.13 with venv"; exit 1; }
    say "going on without: pictures and videos may be missing, and control steps take half as long again"
}

pip_install() {  # quiet; on failure the last error line, the rest is in the log
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input --no-compile \
        -c constraints.txt "$@" >>$logs/pip.log 2>&1
}

build_pybullet() {
    command -v c++ >/dev/null && has_headers $venv/bin/python || return 1
    say "PyBullet has no wheel for this Python: building it, 3 to 10 minutes"
    pip_install -e '.[all,dev]'
}

install_venv() {
    fingerprint=$(cat setup.py pyproject.toml constraints.txt tools/install.sh sim2real/compiled/*.[ch] |
        sha256sum | cut -c1-16)
    stamp=$venv/.sim2real-installed
    if [ "$(cat $stamp 2>/dev/null)" = "$fingerprint" ]; then touch $stamp; return; fi
    python=$(usable_python) || { say "cannot find Python 3.11, 3.12 or 3.13 with venv"; exit 1; }
    mkdir -p $logs
    : >$logs/pip.log
    begin=$(date +%s)
    if [ ! -x $venv/bin/python ]; then "$python" -m venv $venv; fi
    say "$($venv/bin/python --version) packages into $venv: 2.3 GB, a minute or two"
    if ! pip_install --only-binary=pybullet -e '.[all,dev]' && ! build_pybullet &&
            ! pip_install -e '.[train,ros,deploy,plots,dev]'; then
        grep -m1 ERROR $logs/pip.log || tail -n 1 $logs/pip.log
        say "pip did not succeed (see $logs/pip.log)"
        exit 1
    fi
    if ! $venv/bin/python -c 'import pybullet' >/dev/null 2>&1; then
        say "no PyBullet: it could not be built (g++, python3-dev); evaluate with --engine mujoco, or use Python 3.11"
    fi
    echo "$fingerprint" >$stamp
    say "done in $(($(date +%s) - begin)) s"
}

install_colcon() {
    if command -v colcon >/dev/null; then return; fi
    say "colcon, for the ROS 2 package test"
    mkdir -p $logs
    if ! { $venv/bin/python -m venv $venv/colcon && $venv/colcon/bin/python -m pip install -qq --no-input \
        --disable-pip-version-check --no-compile colcon-common-extensions; } >$logs/colcon.log 2>&1
    then say "not installed, its test is skipped (see $logs/colcon.log)"; fi
}

case ${1:-} in
    system) install_system ;;
    venv) install_venv ;;
    colcon) install_colcon ;;
    *) echo "usage: tools/install.sh system|venv|colcon" >&2; exit 2 ;;
esac
