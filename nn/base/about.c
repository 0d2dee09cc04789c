/*
 * about -- see about.h; version.h is made by the Makefile
 */
#include "nn/base/about.h"
#include "version.h"

const char about_version[] = "0.1.0";
const char about_git[] = DISCERN_GIT;
#ifdef __clang__
const char about_compiler[] = __VERSION__;
#else
const char about_compiler[] = "gcc " __VERSION__;
#endif
#ifndef DISCERN_FLAGS
#define DISCERN_FLAGS ""
#endif
const char about_flags[] = DISCERN_FLAGS;
