"""A program that refuses what it is not given exactly.

    strict.py MODE WANT [ARGUMENT…]

reads its arguments as MODE says, and compares values and types with WANT, a
Python dict. Modes: values (--name=text, each text in the one form that its type
in WANT has), pairs (--name text), flags (argparse, with store_true), hydra
(++name=value of Hydra's override grammar), json, file.
"""

import argparse
import ast
import json
import re
import sys

INT = re.compile(r"[-+]?(0|[1-9]\d*)")
FLOAT = re.compile(r"[-+]?((\d+\.\d*|\.\d+)([eE][-+]?\d+)?|\d+[eE][-+]?\d+|inf|nan)")


def read(text, like):
    """text as the type of like, in its Python form and no other."""
    if isinstance(like, bool):
        return {"True": True, "False": False}[text]
    if isinstance(like, int):
        assert INT.fullmatch(text), "want an int, got %r" % text
        return int(text)
    if isinstance(like, float):
        assert FLOAT.fullmatch(text), "want a float, got %r" % text
        return float(text)
    if like is None:
        assert text == "None", "want None, got %r" % text
        return None
    if isinstance(like, str):
        return text
    return ast.literal_eval(text)


class Hydra:
    """A value of Hydra's override grammar (OverrideLexer.g4 and
    OverrideParser.g4 of Hydra 1.3), without functions and sweeps. In a
    text, \\${ is OmegaConf's ${ that is no interpolation."""

    token = re.compile(r"(?P<quoted>'(?:[^'\\]|\\+[^'\\]|(?:\\\\)*\\'|(?:\\\\)+(?='))*'|\"(?:[^\"\\]|\\+[^\"\\]|(?:\\\\)*\\\"|(?:\\\\)+(?=\"))*\")"
                       r"|(?P<inter>\$\{)|(?P<open>[\[{])\s*|\s*(?P<close>[\]}])|\s*(?P<comma>,)\s*|\s*(?P<colon>:)\s*|(?P<bad>[()=])"
                       r"|(?P<float>[-+]?(?:(?:0|[1-9]\d*)\.\d*|\.\d+|(?:0|[1-9]\d*)(?=[eE]))(?:[eE][-+]?\d+)?|[-+]?(?:[iI][nN][fF]|[nN][aA][nN])(?![\w-]))"
                       r"|(?P<int>[-+]?(?:0|[1-9]\d*))|(?P<id>[A-Za-z_][\w-]*)|(?P<esc>(?:\\[\\()\[\]{}:=, \t])+)|(?P<char>[/\-\\+.$%*@?|])|(?P<ws>[ \t]+)", re.S)

    def __init__(self, text):
        self.tokens, at = [], 0
        while at < len(text):
            m = self.token.match(text, at)
            assert m, "no token at %r" % text[at:]
            self.tokens.append((m.lastgroup, m.group(m.lastgroup)))
            at = m.end()
        self.tokens.append(("end", ""))

    def next(self, *kinds):
        kind, text = self.tokens.pop(0)
        assert kind in kinds, "%s %r; want %s" % (kind, text, " or ".join(kinds))
        return text

    def parse(self):
        v = self.element()
        self.next("end")
        return v

    def element(self):
        kind, text = self.tokens[0]
        if kind == "quoted":
            self.next("quoted")
            return omega(unquote(text))
        if kind == "open":
            self.next("open")
            return self.list() if text == "[" else self.dict()
        return self.primitive(("float", "int", "id", "esc", "char", "colon", "ws"))

    def list(self):
        out = []
        if self.tokens[0] == ("close", "]"):
            self.next("close")
            return out
        while True:
            out.append(self.element())
            if self.next("comma", "close") != ",":
                return out

    def dict(self):
        out = {}
        if self.tokens[0] == ("close", "}"):
            self.next("close")
            return out
        while True:
            key = self.primitive(("float", "int", "id", "esc", "char", "ws"))
            self.next("colon")
            out[key] = self.element()
            if self.next("comma", "close") != ",":
                return out

    def primitive(self, kinds):
        parts = []
        while self.tokens[0][0] in kinds:
            parts.append(self.tokens.pop(0))
        assert parts, "no value at %r" % (self.tokens[0],)
        if len(parts) == 1:
            kind, text = parts[0]
            if kind == "int":
                return int(text)
            if kind == "float":
                return float(text)
            if text.lower() in ("true", "false", "null"):
                return {"true": True, "false": False, "null": None}[text.lower()]
        return omega("".join(re.sub(r"\\(.)", r"\1", text, flags=re.S) if kind == "esc" else text for kind, text in parts).strip(" \t"))


def unquote(text):
    """Quotes are escaped, and so are the backslashes before one."""
    q = text[0]
    body = re.sub(r"(\\+)" + q, lambda m: "\\" * (len(m.group(1)) // 2) + q if len(m.group(1)) % 2 else m.group(), text[1:-1])
    return re.sub(r"\\+$", lambda m: "\\" * (len(m.group()) // 2), body)


def omega(text):
    def inter(m):
        assert len(m.group(1)) % 2, "%r is an interpolation" % text
        return "\\" * (len(m.group(1)) // 2) + "${"

    return re.sub(r"(\\*)\$\{", inter, text)


def flags(args, want):
    p = argparse.ArgumentParser(allow_abbrev=False)
    for name, like in want.items():
        if isinstance(like, bool):
            p.add_argument("--" + name, action="store_true")
        else:
            p.add_argument("--" + name, type=lambda text, like=like: read(text, like), required=True)
    return vars(p.parse_args(args))


def pairs(args, want):
    names, values = args[::2], args[1::2]
    assert len(names) == len(values) and all(n.startswith("--") for n in names), args
    return {n[2:]: read(v, want[n[2:]]) for n, v in zip(names, values)}


def values(args, want):
    split = [a.split("=", 1) for a in args]
    assert all(n.startswith("--") for n, _ in split), args
    return {n[2:]: read(v, want[n[2:]]) for n, v in split}


def hydra(args, want):
    split = [a.split("=", 1) for a in args]
    assert all(re.fullmatch(r"\+\+[A-Za-z_][\w.-]*", n) for n, _ in split), args
    return {n[2:]: Hydra(v).parse() for n, v in split}


def tagged(x):
    if isinstance(x, dict):
        return {tagged(k): tagged(v) for k, v in x.items()}
    if isinstance(x, list):
        return [tagged(v) for v in x]
    return type(x).__name__ + " " + repr(x)


def main(mode, want, *args):
    want = ast.literal_eval(want)
    if mode == "json":
        got = json.loads(args[0])
    elif mode == "file":
        with open(args[0], encoding="utf-8") as f:
            got = json.load(f)
    else:
        got = {"values": values, "pairs": pairs, "flags": flags, "hydra": hydra}[mode](args, want)
    assert tagged(got) == tagged(want), "\ngot  %r\nwant %r\nfrom %r" % (got, want, args)


if __name__ == "__main__":
    main(*sys.argv[1:])
