"""Drives `cloister run` from the runner of the WebAssembly wasi-testsuite (its doc/adapters.md).

The environment variable CLOISTER names the program; `cloister` on the search path otherwise.
"""

import os
import shlex
import subprocess
from typing import Dict, List, Optional, Tuple

CLOISTER = shlex.split(os.getenv("CLOISTER", "cloister"))


def get_name() -> str:
    return "cloister"


def get_version() -> str:
    result = subprocess.run(
        CLOISTER[:1] + ["--version"], encoding="UTF-8", capture_output=True, check=True
    )
    return result.stdout.split()[1]


def get_wasi_versions() -> List[str]:
    return ["wasm32-wasip1", "wasm32-wasip3"]


def get_wasi_worlds() -> List[str]:
    return ["wasi:cli/command", "wasi:http/service"]


def compute_argv(
    test_path: str,
    args_env_root: Tuple[List[str], Dict[str, str], Optional[str]],
    proposals: List[str],
    wasi_world: str,
    wasi_version: str,
) -> List[str]:
    args, env, root = args_env_root
    argv = CLOISTER + ["run"]
    if wasi_world == "wasi:http/service":
        argv += ["--http", "127.0.0.1:0"]
    if "sockets" in proposals or "http" in proposals:
        argv += ["--network", "any"]
    for name, value in env.items():
        argv += ["--env", f"{name}={value}"]
    if root:
        argv += ["--dir", f"{root}::/"]
    return argv + [test_path] + args
