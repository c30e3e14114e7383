"""Runs a jumpscript: reads from stdin what to run, and says in messages what came of it."""

import json
import linecache
import sys
import traceback
import types


def say(level, text):
    sys.stdout.flush()
    # The script may have put something else into sys.stdout, or left a line without its end; an
    # empty line counts for nothing.
    sys.__stdout__.write("\n%d::%s\n" % (level, text))
    sys.__stdout__.flush()


def run(path, source, kwargs):
    if source is None:
        with open(path, "rb") as script:
            source = script.read()
    else:
        # So that a traceback can quote it.
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
