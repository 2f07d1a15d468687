# SPDX-License-Identifier: Apache-2.0
"""NSS's softokn (the token inside Firefox), through tests/tools/nss_module.c."""
import os
import shutil

from world import NotRun, World


class Nss(World):
    name = "nss"
    title = "NSS softokn"
    driver_package = "libnss3"
    packages = ["libnss3", "libnss3-tools"]

    def start(self):
        self.need("certutil")
        self.find_driver("libsoftokn3.so", "nss/libsoftokn3.so")
        shim = os.path.join(self.tools, "nss_module.so")
        if not os.path.exists(shim):
            raise NotRun(f"{shim} is not built: make tools")
        # In a folder of its own: coffer-token lets a driver that it does not know write there.
        self.mkdir("driver")
        self.module = self.path("driver", "libnss-driver.so")
        shutil.copyfile(shim, self.module)
        self.pin = "correct horse 9"
        db = self.mkdir("driver", "db")
        self.write("driver/libnss-driver.so.dir", db + "\n")
        self.tool("certutil", "-N", "-d", "sql:" + db, "-f", self.write("pw", self.pin + "\n"))
        for kind, key in (("p256", "01"), ("rsa2048", "02")):
            self.token_tool(f"open {self.free_uri()}", f"login {self.pin}",
                            f"generate {kind} {key}")

    def token_part(self):
        return "token=NSS%20Certificate%20DB"
