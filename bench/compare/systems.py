"""The processes that are compared: ours and the peers', each asked for one thing at a time."""

import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))


class Unsupported(Exception):
    """The system cannot do what it was asked for."""


class System:
    """A process that answers each line with one."""

    def __init__(self, name, command, threads):
        env = dict(os.environ)
        for library in ("OMP", "OPENBLAS", "MKL"):
            env[f"{library}_NUM_THREADS"] = str(threads)
        self.name = name
        self.process = subprocess.Popen(command, env=env, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise RuntimeError(f"{self.name} ended when it was asked: {line}")
        if answer.startswith("error: "):
            raise Unsupported(answer[len("error: "):])
        return answer

    def prepare(self, case):
        if self.name == "ours":
            self.ask(f"prepare {case.ours} {case.inputs}")
            return
        expression = getattr(case, self.name)
        if not expression:
            raise Unsupported("there is nothing to compare with")
        self.ask("prepare " + json.dumps({"expression": expression, "inputs": case.inputs,
                                          "first": getattr(case, f"{self.name}_first")}))

    def measure(self, seconds):
        """Median milliseconds of a call."""
        return float(self.ask(f"measure {seconds}"))

    def save(self, file):
        self.ask(f"save {file}")

    def release(self):
        self.ask("release")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(ours, pythons, threads):
    """Ours, and each peer whose interpreter has its package."""
    systems = [System("ours", [ours], threads)]
    for name, package in (("mlx", "mlx.core"), ("torch", "torch")):
        has = subprocess.run([pythons[name], "-c", f"import {package}, numpy"], capture_output=True)
        if has.returncode == 0:
            command = [pythons[name], os.path.join(HERE, "peers.py"), name]
            systems.append(System(name, command, threads))
        else:
            print(f"compare: {pythons[name]} has no package {package} or no numpy: left out")
    return systems
