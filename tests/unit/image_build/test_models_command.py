"""The build pulls models by the appliance's own command, with few packages."""

from __future__ import annotations

import json
import subprocess
import sys

from builder import system

LIST = """
import json, sys
from appliance.cli import main
main(["models", "list", "--json"])
files = {name.partition(".")[0]: getattr(module, "__file__", None) or ""
         for name, module in sorted(sys.modules.items())}
print(json.dumps([name for name, file in files.items() if "/site-packages/" in file]))
"""


def test_the_command_imports_no_other_packages_than_the_build_installs_for_it() -> None:
    done = subprocess.run([sys.executable, "-c", LIST], capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    others = {name for name in imported if not name.startswith("_")}
    # msgspec does without typing_extensions if that is not installed.
    assert others - {"typing_extensions"} == set(system.MODELS_COMMAND)
