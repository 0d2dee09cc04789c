/*
 * about -- see about.h; version.h is made by the Makefile
 */
#include "nn/base/about.h"
#include "version.h"

const char about_version[] = "0.1.0";
const char about_git[] = DISCERN_GIT;
