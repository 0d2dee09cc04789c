/*
 * about -- which build of discern this is
 */
#ifndef BASE_ABOUT_H
#define BASE_ABOUT_H

extern const char
    about_version[]; /* "0.1.0": semantic versioning of command line, file format and API */
extern const char about_git[]; /* `git describe` of the source, "unknown" outside a repository */
extern const char about_compiler[]; /* "gcc 12.2.0" */
extern const char about_flags[];    /* what it was told, but for the flags of single files */

#endif
