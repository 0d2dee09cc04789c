#!/bin/sh
# peers.sh BUILD -- discern beside PyTorch, ONNX Runtime and OpenVINO, as a Markdown table
#
# Training steps of 32 pictures and answers of 1 and 32, of the networks of ARCHS, at 224 pixels, by
# those PEERS that are installed (peers.py).  ROUNDS rounds in turn, 5 unless said; TASKS, PEERS and
# ARCHS choose.  Some minutes a network, of which compiling takes the most the first time; what is
# compiled stays in BUILD/peers.  Run it when nothing else runs.  Wants Python with PyTorch.
set -eu

build=$1
python=${PYTHON:-python3}
"$python" -c 'import torch, numpy' 2>/dev/null || {
    echo "peers: $python lacks torch or numpy; name another Python in PYTHON"
    exit 77
}
command -v c++ >/dev/null || echo "peers: without a C++ compiler (g++) PyTorch does not compile" >&2
mkdir -p "$build/peers/cache"
work=$(cd "$build/peers" && pwd)
# OpenBLAS takes some processors for older ones than they are.
! grep -q avx512f /proc/cpuinfo || export OPENBLAS_CORETYPE=SkylakeX
export OPENBLAS_NUM_THREADS=1 TORCHINDUCTOR_CACHE_DIR="$work/cache"
exec "$python" -B tests/interop/peers.py "$build/release/discern" "$work"
