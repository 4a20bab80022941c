"""The files of configs/ are well formed and name only what exists.

usage: configs_test.py PROJECT MLX_LAUNCH
"""

import re
import subprocess
import sys
from pathlib import Path

project, launcher = Path(sys.argv[1]), sys.argv[2]
configs = project / "configs"


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


plan = run(launcher, "--hostfile", str(configs / "hosts.json"), "--dry-run", "true")
for host in ("node1", "node2", "node3"):
    assert host in plan, plan

run("bash", "-n", str(configs / "slurm.sbatch"))

documented = set(re.findall(r"MLX_[A-Z_]+", (project / "docs/environment.md").read_text()))
jobset = (configs / "jobset.yaml").read_text()
named = re.findall(r"- name: (MLX_\w+)", jobset)
assert {"MLX_RANK", "MLX_WORLD_SIZE", "MLX_RENDEZVOUS", "MLX_JOB_SECRET"} <= set(named), named
assert set(named) <= documented, set(named) - documented
assert len(named) == len(set(named)), named


def value(pattern):
    found = re.findall(pattern, jobset, re.MULTILINE)
    assert len(found) == 1, (pattern, found)
    return found[0]


# One pod for each rank.
ranks = value(r"^ +completions: (\d+)$")
assert ranks == value(r"^ +parallelism: (\d+)$")
assert ranks == value(r'MLX_WORLD_SIZE\n +value: "(\d+)"$')
# JobSet's names: SET-JOB-NUMBER-POD.SET.
name, job = value(r"^metadata:\n  name: (\S+)$"), value(r"^    - name: (\S+)\n      replicas")
assert value(r"value: (\S+):29500$") == f"{name}-{job}-0-0.{name}"
