# order -- whether the calls of a training, as shim.c logs them, keep a file whole through a crash
#
# Of each file that is written beside its place (NAME.tmp-PID): every write comes before its last
# fsync, the fsync before the rename, and the next call on the folder after that rename is an fsync
# of the folder.  Files that are only appended to promise nothing but whole lines.

function bad(what) {
    print "call " $1 ": " what ": " $0
    failed = 1
}

/ \.?[^ ]*\.tmp-/ && $2 != "link" && $2 != "unlink" {
    if ($2 ~ /^(write|pwrite|ftruncate|fallocate)$/) {
        if (synced[$3])
            bad("written after the fsync")
        written[$3] = 1
    }
    if ($2 == "open")
        opened[$3] = 1
    if ($2 == "fsync" || $2 == "fdatasync")
        synced[$3] = 1
}

# A name that is only a link to a whole file was not opened.
$2 == "rename" && opened[$3] {
    if (!synced[$3])
        bad("renamed before an fsync")
    if (waiting)
        bad("renamed before the folder of the last rename was synced")
    waiting = $0
    renamed++
    delete opened[$3]
    delete synced[$3]
    next
}

waiting {
    if ($2 != "fsync" || $3 != ".")
        bad("no fsync of the folder follows: " waiting)
    waiting = ""
}

END {
    if (waiting)
        bad("no fsync of the folder follows: " waiting)
    for (name in opened)
        if (opened[name])
            bad(name " was never put in place")
    if (!renamed)
        bad("no file was put in place")
    exit failed
}
