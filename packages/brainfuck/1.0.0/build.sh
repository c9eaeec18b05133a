#!/bin/bash
set -e
mkdir -p bin
{ echo '#!/usr/bin/awk -f'; cat src/brainfuck.awk; } >bin/brainfuck
chmod 755 bin/brainfuck
