#pragma once

/*
 * Naming: the file name a source must have for its compiler to take it, read from the source itself.
 * Pure; one pass, no recursion, whatever a stranger wrote.
 */

#include "util/base.h"
#include "util/bytes.h"

enum { NAMING_MAX = 512 };

/*
 * "org/example/Main.java" for a source of package org.example: after its public top-level type, else the
 * first with a `void main`, else the first at all, else "Main.java".
 */
void naming_java(struct view source, char ret_name[NAMING_MAX]);
