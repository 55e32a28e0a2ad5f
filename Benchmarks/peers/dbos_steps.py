#!/usr/bin/env python3
"""The peer of the step figure: no-op steps of DBOS Transact (PyPI `dbos`), on SQLite or on a PostgreSQL of its own.

    python3 -m venv VENV && VENV/bin/pip install dbos 'psycopg[binary]'
    VENV/bin/python Benchmarks/peers/dbos_steps.py sqlite|postgres DIR [--workflows 20] [--steps 50] [--threads 8]

A round for each line on standard input, until its end; one JSON line each: steps, wall seconds, CPU seconds of this process and, for
PostgreSQL, of every process of the server. Every commit reaches the disk: SQLite with synchronous=FULL, PostgreSQL with fsync and
synchronous_commit on, as Flow does. The PostgreSQL server is made in DIR, listens on a socket there, and ends with this program.
"""
import argparse
import json
import os
import pathlib
import pwd
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy
from dbos import DBOS, DBOSConfig


class PostgreSQL:
    """A server of our own, as an account that it accepts: it refuses to run as root."""

    def __init__(self, directory):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            sys.exit("no PostgreSQL server is installed: apt-get install postgresql")
        self.bin, self.data = found[-1], directory / "data"
        self.account = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, self.account.pw_uid, self.account.pw_gid)
        self.run("initdb", "-D", self.data, "-U", "flow", "-A", "trust", "-E", "UTF8", "--no-instructions")
        settings = f"-k {directory} -c listen_addresses= -c fsync=on -c synchronous_commit=on -c full_page_writes=on"
        self.run("pg_ctl", "-D", self.data, "-o", settings, "-l", directory / "server.log", "-w", "start")
        self.run("createdb", "-h", directory, "-U", "flow", "dbos")
        self.pid = int((self.data / "postmaster.pid").read_text().split()[0])
        self.url = f"postgresql+psycopg://flow@/dbos?host={directory}"

    def run(self, program, *arguments):
        def become():
            if os.geteuid() == 0:
                os.setgid(self.account.pw_gid)
                os.setuid(self.account.pw_uid)

        subprocess.run([self.bin / program, *arguments], check=True, stdout=subprocess.DEVNULL, preexec_fn=become, cwd="/")

    def cpu_seconds(self):
        """Of the server and all that it has started, ended ones too."""
        def times(pid):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            return sum(map(int, fields[11:15] if pid == self.pid else fields[11:13])) / os.sysconf("SC_CLK_TCK")

        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return times(self.pid) + sum(times(int(child)) for child in children)

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "fast", "-w", "stop")


@DBOS.step()
def no_op(number):
    return number


@DBOS.workflow()
def chain(steps):
    for number in range(steps):
        no_op(number)


def durable_sqlite(path):
    """DBOS's own way to open SQLite, with every commit on the disk."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

    @sqlalchemy.event.listens_for(engine, "connect")
    def settings(connection, _):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")

    return engine


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store", choices=["sqlite", "postgres"])
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--workflows", type=int, default=20)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    server = None
    config = DBOSConfig(name="peer", log_level="ERROR", enable_otlp=False)
    if options.store == "postgres":
        server = PostgreSQL(options.directory.resolve())
        config["system_database_url"] = server.url
    else:
        options.directory.mkdir(parents=True, exist_ok=True)
        path = options.directory.resolve() / "dbos.sqlite"
        config["system_database_url"] = f"sqlite:///{path}"
        config["system_database_engine"] = durable_sqlite(path)
    try:
        measure(config, options, server)
    finally:
        if server:
            server.stop()


def measure(config, options, server):
    DBOS(config=config)
    DBOS.launch()
    cpu = lambda: time.process_time() + (server.cpu_seconds() if server else 0)
    with ThreadPoolExecutor(options.threads) as pool:
        for _ in sys.stdin:
            begin, used = time.monotonic(), cpu()
            list(pool.map(lambda _: chain(options.steps), range(options.workflows)))
            wall = time.monotonic() - begin
            steps = options.workflows * options.steps
            print(json.dumps({"steps": steps, "wallSeconds": wall, "cpuSeconds": cpu() - used}), flush=True)
    DBOS.destroy()


if __name__ == "__main__":
    main()
