"""A RabbitMQ node of the test run's own: private folders, cookie, name server and ports, all on loopback."""

import base64
import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.servers.process import Server, free_port

# Not the wrapper in /usr/sbin, which insists on the packaged node's user and folders.
BINARIES = Path("/usr/lib/rabbitmq/bin")


class RabbitNode(Server):
    """One broker and its name server, `epmd`, which a node would otherwise leave behind as a daemon."""

    def __init__(self) -> None:
        super().__init__()
        self.port, self.api_port, self.distribution_port, self.names_port = (free_port() for _ in range(4))
        self.name = f"frontdesk{self.port}@localhost"
        self.names: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def api_url(self) -> str:
        """The management plugin's HTTP API."""
        return f"http://127.0.0.1:{self.api_port}/api"

    def start(self) -> Self:
        self._configure()
        if self.names is None:
            self.names = subprocess.Popen(
                ["epmd", "-port", str(self.names_port), "-address", "127.0.0.1"],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return super().start()

    def remove(self) -> None:
        self.kill()  # its data goes too, and an orderly stop takes seconds
        try:
            super().remove()
        finally:
            if self.names is not None:
                self.names.kill()
                self.names.wait()
                self.names = None

    def command(self) -> list[str]:
        return [str(BINARIES / "rabbitmq-server")]

    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "RUNNING_UNDER_SYSTEMD": "true",  # makes the script exec the node, so that our child is the node itself
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.names_port),
            "RABBITMQ_NODENAME": self.name,
            "RABBITMQ_DIST_PORT": str(self.distribution_port),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(self.folder / "config"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # One scheduler without busy waiting: the node shares few cores with everything else.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
        }

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return len(connection.recv(1)) == 1
        except OSError:
            return False

    def control(self, *arguments: str) -> str:
        """Run `rabbitmqctl`, which takes about a second."""
        command = [BINARIES / "rabbitmqctl", "-q", "-n", self.name, *arguments]
        return subprocess.run(command, env=self.environment(), check=True, capture_output=True, text=True).stdout

    def _configure(self) -> None:
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "rabbitmq.conf").write_text(
            "disk_free_limit.absolute = 50MB\n"
            "management.tcp.ip = 127.0.0.1\n"
            f"management.tcp.port = {self.api_port}\n"
            "management.disable_stats = true\n"
            "management_agent.disable_metrics_collector = true\n"
        )


def create_vhost(api_url: str, name: str) -> None:
    """Make a virtual host that guest may use."""
    _call(api_url, "PUT", f"vhosts/{name}")
    _call(api_url, "PUT", f"permissions/{name}/guest", {"configure": ".*", "write": ".*", "read": ".*"})


def delete_vhost(api_url: str, name: str) -> None:
    """Delete a virtual host; its connections are closed."""
    _call(api_url, "DELETE", f"vhosts/{name}")


def _call(api_url: str, method: str, path: str, body: Mapping[str, str] | None = None) -> None:
    credentials = base64.b64encode(b"guest:guest").decode()
    headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
    data = json.dumps(body or {}).encode()
    request = urllib.request.Request(f"{api_url}/{path}", data=data, headers=headers, method=method)
    urllib.request.urlopen(request, timeout=30).close()
