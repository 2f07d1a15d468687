# SPDX-License-Identifier: Apache-2.0
"""A private key on a PKCS#11 token, used through ctypes.

The file is not named token.py: next to a running script that name hides a module that Python's
own library imports.
"""
import contextlib
import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_ubyte, c_ulong, c_void_p, cast, sizeof

OK, USER, SERIAL_SESSION, TOKEN_INITIALIZED = 0, 1, 4, 0x400
CLASS, TOKEN, VALUE, KEY_TYPE, ID = 0x00, 0x01, 0x11, 0x100, 0x102
SENSITIVE, VALUE_LEN, EXTRACTABLE = 0x103, 0x161, 0x162
PRIVATE_KEY, SECRET_KEY, GENERIC_SECRET = 3, 4, 0x10
RSA_OAEP, ECDH1_DERIVE, KDF_NULL, DATA_SPECIFIED = 0x09, 0x1050, 1, 1
OAEP = {"rsa-oaep-1": (0x220, 1), "rsa-oaep-256": (0x250, 2)}  # hash, MGF

# Places in CK_FUNCTION_LIST.
INITIALIZE, FINALIZE, GET_SLOT_LIST, GET_TOKEN_INFO, OPEN_SESSION = 0, 1, 4, 6, 12
CLOSE_SESSION, LOGIN, LOGOUT, DESTROY_OBJECT, GET_ATTRIBUTES = 13, 18, 19, 22, 24
FIND_INIT, FIND, FIND_FINAL, DECRYPT_INIT, DECRYPT, DERIVE_KEY = 26, 27, 28, 33, 34, 62
N_FUNCTIONS = 68


class FunctionList(Structure):
    _fields_ = [("version", c_ubyte * 2), ("functions", c_void_p * N_FUNCTIONS)]


class TokenInfo(Structure):
    _fields_ = [("label", c_ubyte * 32), ("maker", c_ubyte * 32), ("model", c_ubyte * 16),
                ("serial", c_ubyte * 16), ("flags", c_ulong), ("counts", c_ulong * 10),
                ("versions", c_ubyte * 4), ("time", c_ubyte * 16)]


class Attribute(Structure):
    _fields_ = [("kind", c_ulong), ("value", c_void_p), ("size", c_ulong)]


class Mechanism(Structure):
    _fields_ = [("kind", c_ulong), ("parameter", c_void_p), ("size", c_ulong)]


class EcdhParameters(Structure):
    _fields_ = [("kdf", c_ulong), ("shared_size", c_ulong), ("shared", c_void_p),
                ("public_size", c_ulong), ("public", c_void_p)]


class OaepParameters(Structure):
    _fields_ = [("hash", c_ulong), ("mgf", c_ulong), ("source", c_ulong),
                ("source_data", c_void_p), ("source_size", c_ulong)]


class TokenError(Exception):
    pass


def _template(*pairs):
    """An array of attributes; what it points to stays alive with it."""
    array = (Attribute * len(pairs))()
    array.kept = []
    for slot, (kind, value) in zip(array, pairs):
        data = {bool: lambda v: bytes([v]), bytes: bytes}.get(
            type(value), lambda v: bytes(c_ulong(v)))(value)
        buffer = ctypes.create_string_buffer(data, len(data))
        array.kept.append(buffer)
        slot.kind, slot.value, slot.size = kind, cast(buffer, c_void_p), len(data)
    return array


def _text(raw):
    return bytes(raw).decode("utf-8", "replace").rstrip(" ")


class Module:
    """A module, initialized. SOFTHSM2_CONF must be set before, where the module wants it."""

    def __init__(self, path):
        try:
            library = ctypes.CDLL(path)
            get = library.C_GetFunctionList
        except (OSError, AttributeError) as e:
            raise TokenError(f"no PKCS#11 module: {e}") from e
        self._list = POINTER(FunctionList)()
        self._check(get(byref(self._list)), "C_GetFunctionList")
        self.call(INITIALIZE, c_void_p())

    @staticmethod
    def _check(rv, what):
        if rv != OK:
            raise TokenError(f"{what} gave 0x{rv & 0xFFFFFFFF:x}")

    def call(self, place, *arguments):
        """Calls the function at a place of the list; numbers are c_ulong, the rest are pointers."""
        passed = [a if isinstance(a, c_ulong) else cast(a, c_void_p) for a in arguments]
        prototype = ctypes.CFUNCTYPE(c_ulong, *(type(a) for a in passed))
        rv = prototype(self._list.contents.functions[place])(*passed)
        self._check(rv, f"PKCS#11 function {place}")

    def find_token(self, serial=None, label=None):
        """The slot of the only token with this serial and label."""
        count = c_ulong()
        self.call(GET_SLOT_LIST, c_ulong(True), c_void_p(), ctypes.pointer(count))
        slots = (c_ulong * count.value)()
        self.call(GET_SLOT_LIST, c_ulong(True), slots, ctypes.pointer(count))
        found = []
        for slot in slots[:count.value]:
            info = TokenInfo()
            self.call(GET_TOKEN_INFO, c_ulong(slot), ctypes.pointer(info))
            if not info.flags & TOKEN_INITIALIZED:
                continue
            if serial in (None, _text(info.serial)) and label in (None, _text(info.label)):
                found.append(slot)
        if len(found) != 1:
            raise TokenError(f"{len(found)} tokens with serial {serial} and label {label}")
        return found[0]

    def close(self):
        self.call(FINALIZE, c_void_p())


class Session:
    """A session, logged in, with the private key of this CKA_ID."""

    def __init__(self, module, slot, pin, key_id):
        self.module, self._handle = module, c_ulong()
        module.call(OPEN_SESSION, c_ulong(slot), c_ulong(SERIAL_SESSION), c_void_p(), c_void_p(),
                    ctypes.pointer(self._handle))
        module.call(LOGIN, self._handle, c_ulong(USER), c_char_p(pin), c_ulong(len(pin)))
        self._key = self._find(_template((CLASS, PRIVATE_KEY), (ID, key_id)))

    def _find(self, template):
        found, count = (c_ulong * 2)(), c_ulong()
        self.module.call(FIND_INIT, self._handle, template, c_ulong(len(template)))
        self.module.call(FIND, self._handle, found, c_ulong(2), ctypes.pointer(count))
        self.module.call(FIND_FINAL, self._handle)
        if count.value != 1:
            raise TokenError("not exactly one private key has this CKA_ID")
        return c_ulong(found[0])

    def derive(self, point):
        """Z of ECDH with an uncompressed point."""
        raw = ctypes.create_string_buffer(point, len(point))
        parameters = EcdhParameters(KDF_NULL, 0, None, len(point), cast(raw, c_void_p))
        mechanism = Mechanism(ECDH1_DERIVE, cast(byref(parameters), c_void_p), sizeof(parameters))
        template = _template((CLASS, SECRET_KEY), (KEY_TYPE, GENERIC_SECRET), (TOKEN, False),
                             (SENSITIVE, False), (EXTRACTABLE, True), (VALUE_LEN, 32))
        secret = c_ulong()
        self.module.call(DERIVE_KEY, self._handle, ctypes.pointer(mechanism), self._key, template,
                         c_ulong(len(template)), ctypes.pointer(secret))
        value = _template((VALUE, bytes(32)))
        self.module.call(GET_ATTRIBUTES, self._handle, secret, value, c_ulong(1))
        self.module.call(DESTROY_OBJECT, self._handle, secret)
        return value.kept[0].raw[:value[0].size].rjust(32, b"\0")

    def decrypt_oaep(self, scheme, ct):
        """The message in an RSA-OAEP ciphertext, for scheme rsa-oaep-1 or rsa-oaep-256."""
        parameters = OaepParameters(*OAEP[scheme], DATA_SPECIFIED, None, 0)
        mechanism = Mechanism(RSA_OAEP, cast(byref(parameters), c_void_p), sizeof(parameters))
        out, size = ctypes.create_string_buffer(1024), c_ulong(1024)
        self.module.call(DECRYPT_INIT, self._handle, ctypes.pointer(mechanism), self._key)
        self.module.call(DECRYPT, self._handle, c_char_p(ct), c_ulong(len(ct)), out,
                         ctypes.pointer(size))
        return out.raw[:size.value]

    def open(self, scheme, ct):
        """Z for the ct of a wrap."""
        return self.derive(ct) if scheme == "ecdh-p256" else self.decrypt_oaep(scheme, ct)

    def close(self):
        self.module.call(LOGOUT, self._handle)
        self.module.call(CLOSE_SESSION, self._handle)


@contextlib.contextmanager
def session(module, pin, key_id, serial=None, label=None, softhsm_conf=None):
    """A Session, with everything closed at the end."""
    if softhsm_conf is not None:
        os.environ["SOFTHSM2_CONF"] = softhsm_conf
    loaded = Module(module)
    try:
        opened = Session(loaded, loaded.find_token(serial, label), pin, key_id)
        yield opened
        opened.close()
    finally:
        loaded.close()
