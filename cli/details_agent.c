/* SPDX-License-Identifier: Apache-2.0 */
/* The long texts of `coffer help COMMAND` for the agent's commands. */
#include "cli/command.h"

const char help_agent[] =
    "Starts the agent, which signs for bots and for this program: one PIN a session, and no bot\n"
    "holds a secret. It is three kinds of process: the agent itself, which decides and signs and\n"
    "has no network; coffer-net, its proxy, which talks to bots and exchanges and has no key; and\n"
    "a coffer-token for each token, which runs the token's driver. The agent's socket is in\n"
    "$XDG_RUNTIME_DIR/coffer, for this user alone.\n"
    "\n"
    "The proxy listens on a Unix socket beside it; --proxy-uid lets other users in, "
    "--proxy-socket\n"
    "puts it elsewhere. --listen adds a TCP port of this machine, where every client needs a\n"
    "bearer (coffer bearer). What to write into a bot: coffer proxy --show.\n"
    "\n"
    "At a terminal, or with a PIN's source, the agent is unlocked at once; else by 'coffer\n"
    "unlock'. It locks itself after --lock-after without a signature, and when the machine is\n"
    "suspended. How long it holds each key is the key's own: coffer policy.\n"
    "\n"
    "While it runs unlocked, request, balance and verify go through it and ask for no PIN; what\n"
    "policy refuses a bot it refuses them too. 'coffer sign' never does: it is its owner's act.\n"
    "\n"
    "With --pin-file (and with $CREDENTIALS_DIRECTORY, or a file that this machine remembers) the\n"
    "PIN is read again when a token's driver ended by itself or rotate --seal made a new key on\n"
    "the same token; never after a lock. --pin-fd gives it once.\n"
    "--foreground is for a service manager, and takes its sockets. --reload reads tokens.json and\n"
    "the vault again, --stop ends it.\n"
    "--token-port names a port for a network HSM's driver; no other driver may use the network.\n"
    "\n"
    "  coffer agent --listen 127.0.0.1:8765 --lock-after 8h\n";

const char help_unlock[] =
    "Asks for the token's PIN and hands it to the agent's process for that token, which alone\n"
    "reads it and keeps it until the lock. The rules are those of every login: a PIN that nobody\n"
    "typed gets one try, the last try is spent only with --use-last-try.\n";

const char help_lock[] =
    "The agent forgets the PIN and every key that it holds, and signs nothing until 'coffer\n"
    "unlock'. Bots get the answer that it is locked. Without an agent nothing is to be done.\n";

const char help_proxy[] =
    "Alone: where the agent's proxy listens. With --show: the lines for that client and this key,\n"
    "for the way on which the proxy listens: address, and credentials that are none. They let a\n"
    "client sign by itself, which its libraries insist on; the proxy throws that away.\n"
    "\n"
    "Over TCP each client needs a bearer, in the address and as the API key. It is shown once, by\n"
    "'coffer bearer NAME add CLIENT', and never again: BEARER stands in its place here. --client\n"
    "makes sure that the client has one.\n"
    "\n"
    "  coffer proxy --show ccxt binance-main\n"
    "  coffer proxy --show freqtrade binance-main --client mm1\n";

const char help_bearer[] =
    "A bearer lets one client use one key through the proxy's TCP port; on the Unix socket none "
    "is\n"
    "needed. add makes one and prints it, alone on stdout, once; what is kept is its hash. revoke\n"
    "ends it at once. list shows whose there are. They belong to this machine, not to the vault,\n"
    "and no PIN is asked for: a bearer opens nothing that policy does not.\n"
    "\n"
    "  coffer bearer binance-main add mm1\n";

const char help_run[] =
    "Starts a program that trades with the key NAME and never has it. Where no agent runs one is\n"
    "started for as long as the program runs; a locked one is unlocked. The program gets the\n"
    "environment of the caller (less what is coffer's own or for a token's driver) and besides:\n"
    "\n"
    "  COFFER_PROXY_URL      http://127.0.0.1:PORT/NAME~BEARER/ - the exchange's own address,\n"
    "                        https://..., is written behind it; ccxt calls it proxyUrl\n"
    "  COFFER_PROXY_SOCKET   the proxy's Unix socket, where it has no TCP port\n"
    "  COFFER_API_KEY, COFFER_API_SECRET, COFFER_PASSWORD, COFFER_UID   credentials that are none\n"
    "\n"
    "--as freqtrade sets FREQTRADE__EXCHANGE__KEY, __SECRET, __PASSWORD and\n"
    "__CCXT_CONFIG__proxyUrl as well, --as hummingbot puts coffer's plug-in into PYTHONPATH, --as\n"
    "ccxt and --as env set nothing more. The bearer is lent: it ends with this command.\n"
    "\n"
    "Signals are passed on; the exit status is the program's, 128 and the number when a signal\n"
    "ended it. The program gets no descriptor but the standard ones, cannot gain privileges (sudo\n"
    "does not work in it), and leaves no core file.\n"
    "\n"
    "  coffer run binance-main --as freqtrade -- freqtrade trade --config config.json\n";

const char help_policy[] =
    "Shows how the agent treats a key, or changes it, with the PIN.\n"
    "\n"
    "--unseal: how long the agent holds the key after it was opened. each-use: not at all, the\n"
    "token works for each signature; a time such as 15m; session: until the lock; default: 15\n"
    "minutes, each use where the token asks for a touch. While it is held it can be used without\n"
    "the token, never copied.\n"
    "--release yes lets clients of the agent's socket have signed requests, to send them by\n"
    "themselves. Then nobody sees what becomes of a signature, and no limit binds it. Off, only\n"
    "coffer sends what it signs.\n";
