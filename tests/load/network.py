"""Two network namespaces with a cable between them, and a watch at the client's end.

In: names and options. Out: processes in them, and what the watch has said.
"""

import json
import os
import signal
import subprocess
import time

CLIENT, SERVER = "h2sniff-load-c", "h2sniff-load-s"
CLIENT_ADDRESS, SERVER_ADDRESS = "10.88.0.1", "10.88.0.2"
INTERFACE, FAR_INTERFACE = "v0", "v1"


def sh(command):
    subprocess.run(command, shell=True, check=True)


def lay_cable():
    """Makes both namespaces anew; nothing is sent in them but what is tested."""
    for name in (CLIENT, SERVER):
        subprocess.run(f"ip netns del {name} 2>/dev/null", shell=True, check=False)
        sh(f"ip netns add {name} && ip netns exec {name} sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    sh(f"ip link add {INTERFACE} netns {CLIENT} type veth peer name {FAR_INTERFACE} netns {SERVER}")
    for name, device, address in (
        (CLIENT, INTERFACE, CLIENT_ADDRESS),
        (SERVER, FAR_INTERFACE, SERVER_ADDRESS),
    ):
        sh(f"ip -n {name} addr add {address}/24 dev {device} && ip -n {name} link set lo up && "
           f"ip -n {name} link set {device} up")
    sh(f'ip netns exec {CLIENT} sysctl -qw net.ipv4.ip_local_port_range="1024 65535"')


def start(name, command, **options):
    """A process in a namespace."""
    return subprocess.Popen(["ip", "netns", "exec", name, *map(str, command)], **options)


def peer(name, *arguments):
    """A peer of `peers.py`, once it is ready."""
    script = os.path.join(os.path.dirname(__file__), "peers.py")
    process = start(name, ["python3", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process


class Watch:
    """A program that listens at the client's end; its output goes to a file."""

    def __init__(self, directory, command):
        self.out = os.path.join(directory, "out")
        with open(self.out, "wb") as out:
            self.process = start(CLIENT, command, stdout=out, stderr=subprocess.PIPE)
        time.sleep(1)

    def usage(self):
        """Seconds of CPU so far, and MiB of resident memory."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            resident = next(line for line in status if line.startswith("VmRSS"))
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(resident.split()[1]) // 1024

    def stop(self, number=signal.SIGTERM):
        """Asks for the end; gives the exit status, how long it took in seconds, and what was said on standard error."""
        begun = time.time()
        self.process.send_signal(number)
        status = self.process.wait()
        return status, time.time() - begun, self.process.stderr.read().decode()

    def events(self):
        with open(self.out, encoding="utf-8") as out:
            return [json.loads(line) for line in out]
