# SPDX-License-Identifier: Apache-2.0
"""SoftHSM behind p11-kit's server and client, over a Unix socket: what ssh forwards too."""
import os

from softhsm import SoftHsm
from world import World


class Remote(SoftHsm):
    name = "p11-kit-remote"
    title = "p11-kit remoting (SoftHSM behind it)"
    seals = "rsa"
    driver_package = "p11-kit-modules"
    packages = ["p11-kit", "p11-kit-modules", "softhsm2"]

    def start(self):
        self.need("p11-kit")
        client = self.find_driver("pkcs11/p11-kit-client.so")
        super().start()
        self.behind, self.server_env = self.module, dict(self.env)
        run = self.mkdir("run")
        os.mkdir(os.path.join(run, "p11-kit"), 0o700)
        self.socket = os.path.join(run, "p11-kit", "pkcs11")
        self.env["XDG_RUNTIME_DIR"] = run
        self.insert()
        self.module = client

    def insert(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.server = self.spawn("p11-kit", "server", "--foreground", "--provider", self.behind,
                                 "--name", self.socket, self.token_uri())
        self.wait_for("the server's socket", lambda: os.path.exists(self.socket))

    def token_uri(self):
        return "pkcs11:" + World.token_part(self)

    def remove(self):
        """The server and the process that it has for each connection."""
        children = [int(p) for p in self.children(self.server.pid)]
        self.end(self.server)
        for p in children:
            try:
                os.kill(p, 15)
            except ProcessLookupError:
                pass
