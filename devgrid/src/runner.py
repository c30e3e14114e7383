"""Runs the jumpscript described on stdin and reports its result as messages on stdout."""

import json
import linecache
import sys
import traceback
import types


def say(level, text):
    sys.stdout.flush()
    # The script may have replaced sys.stdout or printed an unterminated line. Empty lines are ignored.
    sys.__stdout__.write("\n%d::%s\n" % (level, text))
    sys.__stdout__.flush()


def run(path, source, kwargs):
    if source is None:
        with open(path, "rb") as script:
            source = script.read()
    else:
        # Lets tracebacks quote the source.
        linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    module = types.ModuleType("jumpscript")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(compile(source, path, "exec"), module.__dict__)
    kwargs = json.loads(kwargs) if kwargs else None
    return json.dumps(module.action(**({} if kwargs is None else kwargs)))


task = json.load(sys.stdin)
try:
    result = run(**task)
except Exception as error:
    traceback.print_exc()
    say(9, json.dumps({"errormessage": str(error), "type": type(error).__name__}))
    sys.exit(1)
say(20, result)
