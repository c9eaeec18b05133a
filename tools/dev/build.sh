# shellcheck shell=bash
# [debug|release]: build into build/debug or build/release (the default)
kind=${1:-release}
need build
case $kind in
release) build_release ;;
debug)
        need test
        build debug --buildtype=debug -Dtests=enabled
        ;;
*) die "there is no build '$kind'; it is debug or release" ;;
esac
step "ready: build/$kind/coderunr"
