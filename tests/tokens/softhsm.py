# SPDX-License-Identifier: Apache-2.0
"""SoftHSM, in process: no daemon, no counter of wrong PINs, nothing that can be pulled."""
import os

from world import LABEL, SO_PIN, World


class SoftHsm(World):
    name = "softhsm"
    title = "SoftHSM 2.6"
    driver_package = "libsofthsm2"
    packages = ["softhsm2"]

    def start(self):
        self.module = self.find_driver("softhsm/libsofthsm2.so")
        self.need("softhsm2-util")
        self.make_token()
        for kind, key in (("p256", "01"), ("rsa2048", "02")):
            self.token_tool(f"open {self.free_uri()}", f"login {self.pin}",
                            f"generate {kind} {key}")

    def make_token(self):
        self.mkdir("tokens")
        conf = self.write("softhsm2.conf", f"directories.tokendir = {self.path('tokens')}\n"
                          "objectstore.backend = file\nlog.level = ERROR\n")
        self.env = {"SOFTHSM2_CONF": conf}
        self.tool("softhsm2-util", "--module", os.path.realpath(self.module), "--init-token",
                  "--free", "--label", LABEL, "--pin", self.pin, "--so-pin", SO_PIN)
