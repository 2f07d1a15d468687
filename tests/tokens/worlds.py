# SPDX-License-Identifier: Apache-2.0
"""The worlds, in the order of the matrix."""
import importlib

# name of the world: module, class
WORLDS = {"softhsm": ("softhsm", "SoftHsm"),
          "nss": ("nss", "Nss"),
          "yubikey-ykcs11": ("piv", "Ykcs11"),
          "yubikey-opensc": ("piv", "OpenSC"),
          "tpm": ("tpm", "Tpm"),
          "p11-kit-remote": ("remote", "Remote")}


# What the advice must name when the PIN is locked.
UNLOCK_WORDS = {"yubikey-ykcs11": "unblock-pin", "yubikey-opensc": "unblock-pin",
                "tpm": "tpm2_dictionarylockout --clear-lockout"}


def world_class(name):
    module, cls = WORLDS[name]
    return getattr(importlib.import_module(module), cls)
