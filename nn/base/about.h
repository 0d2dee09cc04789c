/*
 * about -- which build of discern this is
 */
#ifndef BASE_ABOUT_H
#define BASE_ABOUT_H

extern const char
    about_version[]; /* "0.1.0": semantic versioning of command line, file format and API */
extern const char about_git[]; /* `git describe` of the source, "unknown" outside a repository */

#endif
