# SPDX-License-Identifier: Apache-2.0
"""A TPM 2.0: swtpm behind tpm2-pkcs11. Its counter of wrong PINs is the TPM's, shared by all keys."""
from world import LABEL, SO_PIN, World

PORT = 2321


class Tpm(World):
    name = "tpm"
    title = "TPM 2.0 by tpm2-pkcs11"
    seals = "rsa"
    driver_package = "libtpm2-pkcs11-1"
    packages = ["swtpm", "libtpm2-pkcs11-1", "tpm2-tools", "opensc"]

    def start(self):
        self.module = self.find_driver("pkcs11/libtpm2_pkcs11.so", "libtpm2_pkcs11.so",
                                       "libtpm2_pkcs11.so.1", "libtpm2_pkcs11.so.0")
        self.need("swtpm", "tpm2_shutdown", "tpm2_dictionarylockout", "pkcs11-tool")
        self.mkdir("state")
        tcti = f"swtpm:host=127.0.0.1,port={PORT}"
        self.env = {"TPM2_PKCS11_TCTI": tcti, "TPM2TOOLS_TCTI": tcti,
                    "TPM2_PKCS11_STORE": self.mkdir("store"), "TPM2_PKCS11_BACKEND": "esysdb"}
        self.insert()
        p11 = ("pkcs11-tool", "--module", self.module)
        self.tool(*p11, "--slot-index", "0", "--init-token", "--label", LABEL, "--so-pin", SO_PIN)
        self.tool(*p11, "--token-label", LABEL, "--init-pin", "--so-pin", SO_PIN, "--pin", self.pin)
        self.tool(*p11, "--token-label", LABEL, "--login", "--pin", self.pin, "--keypairgen",
                  "--key-type", "rsa:2048", "--label", "seal", "--id", "02")
        self.tool(*p11, "--token-label", LABEL, "--login", "--pin", self.pin, "--keypairgen",
                  "--key-type", "EC:prime256v1", "--label", "ec", "--id", "01")

    def insert(self):
        """Starts the TPM, with the state that it was stopped with."""
        self.tpm = self.spawn("swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + self.path("state"),
                              "--ctrl", f"type=tcp,port={PORT + 1}", "--server",
                              f"type=tcp,port={PORT}", "--flags", "not-need-init,startup-clear")
        self.wait_for_port(PORT + 1)

    def remove(self):
        """Without a shutdown command this would count as a wrong PIN."""
        self.tool("tpm2_shutdown")
        self.end(self.tpm)

    def stop(self):
        if self.processes and self.tpm.poll() is None:
            self.remove()
        super().stop()

    def lock(self):
        """As many wrong PINs as the TPM takes."""
        for _ in range(40):
            if self.locked():
                return
            self.token_tool(f"open {self.free_uri()}", "login not-the-pin", may_fail=True)
        raise RuntimeError("the TPM does not lock")

    def unlock(self):
        self.tool("tpm2_dictionarylockout", "--clear-lockout")

    def set_tries(self, n):
        """As many failed tries as leave n."""
        self.unlock()
        self.tool("tpm2_dictionarylockout", "--setup-parameters", f"--max-tries={n + 2}",
                  "--recovery-time=1000", "--lockout-recovery-time=1000")
        for _ in range(2):
            self.token_tool(f"open {self.free_uri()}", "login not-the-pin", may_fail=True)

    def properties(self):
        text = self.tool("tpm2_getcap", "properties-variable")
        pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
        return {k.strip(): v.strip() for k, v in pairs}

    def locked(self):
        return self.properties().get("inLockout") == "1"

    def pin_tries(self):
        p = self.properties()
        return int(p["TPM2_PT_MAX_AUTH_FAIL"], 0) - int(p["TPM2_PT_LOCKOUT_COUNTER"], 0)

    def restart(self):
        """Also without the objects that a driver's failed call leaves in a TPM that has no resource
        manager in front (as /dev/tpmrm0 is)."""
        self.remove()
        self.insert()
        self.unlock()
