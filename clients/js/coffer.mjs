// SPDX-License-Identifier: Apache-2.0
// Signatures from a running coffer agent, over its Unix socket, with Node's own modules alone.
//
//     import { Agent } from './coffer.mjs';
//     const agent = new Agent();
//     const signed = await agent.sign('binance-main', 'GET', 'https://api.binance.com/api/v3/account');
//     // { method, url, headers, body }: send it as it is, at once
//     agent.close();
//
// Only keys that their owner released (`coffer policy NAME --release yes`) are signed for; bots that
// can be given a URL are better served by the proxy, which hands out no signature. The protocol is
// agent/PROTOCOL.md. Calls may overlap: answers are told apart by their id.
import { lstat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';

const LINE_MAX = 4 * 1024 * 1024;

/** The agent said no, or is not there. code: as in coffer's --json output; hints: what to do. */
export class CofferError extends Error {
    constructor(code, message, hints = []) {
        super([message, ...hints].join('; '));
        this.name = 'CofferError';
        this.code = code;
        this.hints = hints;
    }
}

/** Where coffer's agent of this user listens. */
export function defaultSocket() {
    const { XDG_RUNTIME_DIR: run, XDG_STATE_HOME: state } = process.env;
    return run ? join(run, 'coffer', 'agent.sock')
        : join(state || join(homedir(), '.local', 'state'), 'coffer', 'run', 'agent.sock');
}

/** One connection to the agent, made at the first call and again after it was lost. */
export class Agent {
    #path; #timeout; #socket; #live; #rest = ''; #id = 0; #open = new Map();

    constructor({ path = defaultSocket(), timeoutMs = 30000 } = {}) {
        this.#path = path;
        this.#timeout = timeoutMs;
    }

    /** The request, signed by the key of that name: { method, url, headers, body, covers }. */
    sign(name, method, url, { headers = {}, body = '', timestampMs } = {}) {
        const clock = timestampMs === undefined ? {} : { clock: { timestamp_ms: timestampMs } };
        return this.#call({ op: 'sign', name, request: { method, url, headers, body, ...clock } });
    }

    /** A WebSocket login, or a message that needs a signature: { url, headers, message }. */
    signWs(name, { url, message } = {}) {
        return this.#call({ op: 'sign_ws', name, request: { url, message } }); // JSON drops undefined
    }

    list() { return this.#call({ op: 'list' }); }

    status() { return this.#call({ op: 'status' }); }

    close() {
        this.#fail(new CofferError('failed', 'the connection was closed'));
    }

    async #call(message) {
        this.#socket ??= this.#connect();
        const socket = await this.#socket.catch((e) => {
            this.#socket = undefined;
            throw e;
        });
        const id = ++this.#id;
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => this.#fail(new CofferError('failed',
                `the agent did not answer within ${this.#timeout} ms`)), this.#timeout);
            this.#open.set(id, { resolve, reject, timer });
            socket.write(JSON.stringify({ ...message, id }) + '\n');
        });
    }

    async #connect() {
        const at = await lstat(this.#path).catch(() => undefined);
        if (!at)
            throw new CofferError('not_found', 'no coffer agent is running', ['start it: coffer agent']);
        if (!at.isSocket() || at.uid !== process.geteuid())
            throw new CofferError('untrusted', `'${this.#path}' is no socket of this user's`);
        return new Promise((resolve, reject) => {
            const socket = this.#live = createConnection(this.#path, () => resolve(socket));
            socket.setEncoding('utf8');
            socket.on('data', (text) => this.#live === socket && this.#take(text));
            socket.on('error', () => reject(new CofferError('not_found', 'no coffer agent is running',
                ['start it: coffer agent'])));
            socket.on('close', () => this.#live === socket
                && this.#fail(new CofferError('failed', 'the agent has ended the talk')));
        });
    }

    #take(text) {
        const lines = (this.#rest + text).split('\n');
        this.#rest = lines.pop();
        if (this.#rest.length > LINE_MAX)
            this.#fail(new CofferError('failed', 'an answer without an end'));
        for (const line of lines) {
            let answer;
            try {
                answer = JSON.parse(line);
            } catch {
                this.#fail(new CofferError('failed', 'the agent sent what is no answer'));
                return;
            }
            this.#settle(answer);
        }
    }

    #settle({ id, result, error }) {
        const e = error && new CofferError(error.code, error.message, error.hints);
        const call = this.#open.get(id);
        if (!call) {
            if (e)
                this.#fail(e); // about the talk itself
            return;
        }
        this.#open.delete(id);
        clearTimeout(call.timer);
        if (e)
            call.reject(e);
        else
            call.resolve(result);
    }

    /** Ends the connection; whoever waits hears why. */
    #fail(e) {
        const socket = this.#live;
        this.#socket = this.#live = undefined;
        this.#rest = '';
        for (const call of this.#open.values()) {
            clearTimeout(call.timer);
            call.reject(e);
        }
        this.#open.clear();
        socket?.destroy();
    }
}
