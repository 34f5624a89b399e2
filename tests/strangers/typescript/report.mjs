// One line a check, `ok name` or `not ok name: why`, and the closing line.

import { inspect } from 'node:util';

const CHECK_TIMEOUT_MS = 30_000;

export class Report {
    passed = 0;
    failed = 0;

    async check(name, body) {
        let timer;
        const late = new Promise((_, reject) => {
            timer = setTimeout(() => reject(new Error(`no end after ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
        });
        try {
            await Promise.race([body(), late]);
            this.passed += 1;
            console.log(`ok ${name}`);
        } catch (error) {
            this.failed += 1;
            console.log(`not ok ${name}: ${explain(error)}`);
        } finally {
            clearTimeout(timer);
        }
    }

    close() {
        console.log(`${this.passed} passed, ${this.failed} failed`);
        return this.failed === 0 && this.passed > 0 ? 0 : 1;
    }
}

function explain(error) {
    const cause = error?.cause === undefined ? '' : ` (cause: ${inspect(error.cause, { breakLength: Infinity })})`;
    const code = error?.code === undefined ? '' : ` [${error.code}]`;
    const data = error?.data === undefined ? '' : ` data ${JSON.stringify(error.data)}`;
    return `${error?.message ?? String(error)}${code}${data}${cause}`.replaceAll('\n', ' ').slice(0, 800);
}

/** Throws unless `condition` holds; `seen` is printed as JSON. */
export function expect(condition, what, seen) {
    if (!condition) throw new Error(`${what}; got ${JSON.stringify(seen)?.slice(0, 500)}`);
}

/** Waits until `probe` returns a truthy value, and returns it. */
export async function until(what, probe, timeoutMs = 5_000) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
        const value = await probe();
        if (value) return value;
        if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
        await sleep(20);
    }
}

/** The error that `promise` fails with; throws if it succeeds. */
export async function failure(promise) {
    let value;
    try {
        value = await promise;
    } catch (error) {
        return error;
    }
    throw new Error(`expected an error; got ${JSON.stringify(value)?.slice(0, 500)}`);
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
