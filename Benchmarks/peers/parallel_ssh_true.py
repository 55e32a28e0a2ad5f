#!/usr/bin/env python3
"""The peer of the SSH figure: `true` once on every host of a lab with PyPI's parallel-ssh (libssh2, gevent).

    python3 -m venv VENV && VENV/bin/pip install parallel-ssh pyyaml
    VENV/bin/python Benchmarks/peers/parallel_ssh_true.py LAB/inventory.yaml [--width 64] [--rounds 3 | --paced]

`--paced` does a round for each line on standard input, until its end. Prints one JSON line for each round: hosts, wall seconds, hosts per second, CPU milliseconds per host of this process. The library does
not check host keys; Flow does.
"""
import argparse
import json
import resource
import sys
import time

import yaml
from pssh.clients import ParallelSSHClient
from pssh.config import HostConfig


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def once(hosts, width):
    client = ParallelSSHClient(
        [host["address"] for host in hosts],
        host_config=[
            HostConfig(port=host["port"], user=host["user"], private_key=host["identityFile"]) for host in hosts
        ],
        pool_size=width,
        allow_agent=False,
        num_retries=1,
    )
    output = client.run_command("true")
    client.join(output)
    failed = [result.host for result in output if result.exit_code != 0]
    if failed:
        sys.exit(f"failed on {len(failed)} hosts, first {failed[0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inventory")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--paced", action="store_true")
    arguments = parser.parse_args()
    with open(arguments.inventory, encoding="utf-8") as file:
        inventory = yaml.safe_load(file)
    hosts = [inventory["hosts"][name] for name in inventory["groups"]["lab"]]
    for round_number, _ in enumerate(sys.stdin if arguments.paced else range(arguments.rounds)):
        cpu, start = cpu_seconds(), time.monotonic()
        once(hosts, arguments.width)
        wall, cpu = time.monotonic() - start, cpu_seconds() - cpu
        figures = {
            "figure": "ssh-true",
            "engine": "parallel-ssh",
            "round": round_number,
            "hosts": len(hosts),
            "width": arguments.width,
            "wallSeconds": round(wall, 3),
            "hostsPerSecond": round(len(hosts) / wall, 1),
            "cpuMillisecondsPerHost": round(cpu * 1000 / len(hosts), 2),
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
