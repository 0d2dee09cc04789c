#!/usr/bin/env python3
"""classify -- what pictures show, in Python, without a module to install: ctypes

    python3 classify.py cats.safetensors photo.jpg ...
"""
import ctypes
import sys
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_char_p, c_float, c_int, c_void_p


class Error(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 512)]


class Guess(Structure):
    _fields_ = [("label", c_char_p), ("index", c_int), ("probability", c_float)]


class Answer(Structure):
    _fields_ = [("file", c_int), ("status", c_int), ("message", c_char_p), ("n", c_int),
                ("guess", POINTER(Guess)), ("unknown", c_int), ("band", c_int),
                ("probability", POINTER(c_float)), ("input", POINTER(c_float))]


AnswerFn = CFUNCTYPE(c_int, c_void_p, POINTER(Answer))

lib = ctypes.CDLL("libdiscern.so.0")
lib.discern_open.restype = c_void_p
lib.discern_open.argtypes = [c_char_p, c_void_p, POINTER(Error)]
lib.discern_session_new.restype = c_void_p
lib.discern_session_new.argtypes = [c_void_p, c_void_p, POINTER(Error)]
lib.discern_files.argtypes = [c_void_p, c_int, POINTER(c_char_p), AnswerFn, c_void_p,
                              POINTER(Error)]
lib.discern_session_free.argtypes = [c_void_p]
lib.discern_close.argtypes = [c_void_p]


class Model:
    """A model and a session of it; for one thread at a time."""

    def __init__(self, path):
        self.error = Error()
        self.session = None
        self.model = lib.discern_open(path.encode(), None, byref(self.error))
        if self.model:
            self.session = lib.discern_session_new(self.model, None, byref(self.error))
        if not self.session:
            raise RuntimeError(self.error.message.decode())

    def files(self, paths):
        """For each path in turn: a list of (label, probability), or the error as a text."""
        answers = []

        def on_answer(_, a):
            a = a.contents
            answers.append(a.message.decode() if a.status else
                           [(g.label.decode(), g.probability) for g in a.guess[:a.n]])
            return 0

        names = (c_char_p * len(paths))(*(p.encode() for p in paths))
        if lib.discern_files(self.session, len(paths), names, AnswerFn(on_answer), None,
                             byref(self.error)):
            raise RuntimeError(self.error.message.decode())
        return answers

    def __del__(self):
        lib.discern_session_free(self.session)
        lib.discern_close(self.model)


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: classify.py MODEL FILE...")
    status = 0
    for path, answer in zip(sys.argv[2:], Model(sys.argv[1]).files(sys.argv[2:])):
        if isinstance(answer, str):
            print(answer, file=sys.stderr)
            status = 1
        else:
            print(f"{path}:", ", ".join(f"{label} {100 * p:.1f}%" for label, p in answer))
    return status


if __name__ == "__main__":
    sys.exit(main())
