/**
 * CUDA calls that fail, over the C ABI: a named status, one line, and state and memory as the header promises.
 *
 * Which call fails is not chosen: a sweep lets the first one fail, then the second, until the work gets through. So a
 * call whose error nobody looks at shows as work that "succeeded".
 */
import assert from "node:assert/strict";
import type { NativeError } from "../../lib/native/error.ts";
import { NativeSession, type SessionOptions } from "../../lib/native/session.ts";
import { CUDA_ERRORS, Emulator } from "../support/emulator.ts";
import { EMULATED, type LoadedTiny, loadTiny, randomTokens, relativeError } from "../support/native.ts";
import { PLANS } from "../support/plans.ts";

const SHAPE = { heads: 4, kvHeads: 2, headDim: 16, layers: 1 } as const;
const PLAN = PLANS["rocketkv"]!;
const PROMPT = randomTokens(45, 1);
const OPTIONS = { kvType: "bf16", chunkTokens: 32 } as const;
/** Device memory is given in steps of the smallest piece that is ever asked for. */
const MEMORY_STEP = 64 * 1024;

/** The failure of some work, or null when it got through. Anything but an error of the library is a failed test. */
async function failureOf(work: () => unknown): Promise<NativeError | null> {
  try {
    await work();
    return null;
  } catch (error) {
    assert.equal((error as Error).name, "NativeError", String(error));
    return error as NativeError;
  }
}

function assertOneLine({ message }: NativeError): void {
  assert.match(message, /^Cannot [^\n]+[^.\n]$/);
}

async function prefilled(tiny: LoadedTiny, options: SessionOptions = OPTIONS): Promise<NativeSession> {
  const session = NativeSession.create(tiny.model, options);
  try {
    await session.prefill(PROMPT, { plan: PLAN });
    return session;
  } catch (error) {
    session[Symbol.dispose]();
    throw error;
  }
}

const UNCHANGED = ["state", "n_tokens", "n_steps", "kv_bytes"] as const;

function stateOf(session: NativeSession) {
  const stats = session.stats();
  return UNCHANGED.map((name) => stats[name]);
}

Deno.test("out of device memory while a model is loaded says so, and everything is given back", async () => {
  using emulator = new Emulator();
  const before = emulator.used();
  let failures = 0;
  for (let limit = before + 1;; limit += MEMORY_STEP) {
    emulator.limitMemory(limit);
    const failure = await failureOf(async () => {
      await using _ = await loadTiny(SHAPE, EMULATED);
    });
    assert.equal(emulator.used(), before, `after a limit of ${limit} bytes`);
    if (failure === null) break;
    assert.equal(failure.status, "MEMORY");
    assertOneLine(failure);
    assert.match(failure.message, /^Cannot load tensor ".+": out of device memory: cannot allocate \d+ bytes/);
    failures++;
  }
  assert(failures >= 2, `${failures} failures`);
});

Deno.test("out of device memory in a prefill leaves the session empty, and it works once there is more", async () => {
  using emulator = new Emulator();
  let wanted: Float32Array;
  {
    await using tiny = await loadTiny(SHAPE, EMULATED);
    using session = await prefilled(tiny);
    wanted = session.logits();
  }
  await using tiny = await loadTiny(SHAPE, EMULATED);
  using session = NativeSession.create(tiny.model, OPTIONS);
  let failures = 0;
  for (let limit = emulator.used();; limit += MEMORY_STEP) {
    emulator.limitMemory(limit);
    const failure = await failureOf(() => session.prefill(PROMPT, { plan: PLAN }));
    if (failure === null) break;
    assert.equal(failure.status, "MEMORY");
    assertOneLine(failure);
    assert.deepEqual(stateOf(session), [0, 0, 0, 0]);
    assert.equal(tiny.model.usage().kv_bytes_live, 0);
    failures++;
  }
  assert(failures >= 2, `${failures} failures`);
  assert.deepEqual(session.logits(), wanted);
});

Deno.test("out of device memory in a decode step is found out before it begins and changes nothing", async () => {
  using emulator = new Emulator();
  await using tiny = await loadTiny(SHAPE, EMULATED);
  using parent = await prefilled(tiny);
  using owner = new DisposableStack();
  const forks = Array.from({ length: 40 }, () => owner.use(parent.fork()));
  const tokens = randomTokens(forks.length, 2);
  const before = stateOf(parent), logits = parent.logits();
  let failures = 0;
  for (let limit = emulator.used();; limit += MEMORY_STEP) {
    emulator.limitMemory(limit);
    const failure = await failureOf(() => NativeSession.decode(forks, tokens));
    if (failure === null) break;
    assert.equal(failure.status, "MEMORY");
    assertOneLine(failure);
    for (const fork of forks) assert.deepEqual(stateOf(fork), before, `after a limit of ${limit} bytes`);
    assert.deepEqual(forks[0]!.logits(), logits);
    failures++;
  }
  assert(failures >= 2, `${failures} failures`);
  emulator.reset();
  // Whatever was tried and given up: the step that worked is the step of sessions that nothing happened to.
  using fresh = parent.fork();
  await NativeSession.decode([fresh], [tokens[7]!]);
  assert(relativeError(forks[7]!.logits(), fresh.logits()) < 1e-6);
});

/** What can be made to fail: launches alone, or every call of the CUDA runtime. */
const FAULTS = {
  launch: (emulator: Emulator, n: number) => emulator.failLaunch(n, CUDA_ERRORS.launchOutOfResources),
  "CUDA call": (emulator: Emulator, n: number) => emulator.failCall(n, CUDA_ERRORS.notSupported),
} as const;

/**
 * Every call of some work fails once, with a fresh session each time.
 *
 * @param fail     Lets the n-th call fail; says whether the one before did.
 * @param inspect  Looks at what a failure has left behind.
 * @returns How many calls there are.
 */
async function sweep(
  prepare: () => NativeSession,
  fail: (n: number) => boolean,
  work: (session: NativeSession) => Promise<unknown>,
  inspect: (session: NativeSession) => Promise<void>,
): Promise<number> {
  for (let n = 1;; n++) {
    using session = prepare();
    fail(n);
    const failure = await failureOf(() => work(session));
    if (!fail(0)) return n - 1;
    assert(failure !== null, `nobody noticed that call ${n} failed`);
    assert.equal(failure.status, "DEVICE", `call ${n}: ${failure.message}`);
    assertOneLine(failure);
    await inspect(session);
  }
}

for (const [what, fail] of Object.entries(FAULTS)) {
  Deno.test(`a ${what} that fails in a prefill leaves the session as it was, and the next prefill works`, async () => {
    using emulator = new Emulator();
    await using tiny = await loadTiny(SHAPE, EMULATED);
    using reference = await prefilled(tiny);
    const live = tiny.model.usage().kv_bytes_live;
    const calls = await sweep(
      () => NativeSession.create(tiny.model, OPTIONS),
      (n) => fail(emulator, n),
      (session) => session.prefill(PROMPT, { plan: PLAN }),
      async (session) => {
        assert.deepEqual(stateOf(session), [0, 0, 0, 0]);
        assert.equal(tiny.model.usage().kv_bytes_live, live);
        await session.prefill(PROMPT, { plan: PLAN });
        assert.deepEqual(session.logits(), reference.logits());
      },
    );
    assert(calls >= 20, `${calls} calls`);
  });

  Deno.test(`a ${what} that fails in a decode step leaves the session as it was or empty`, async () => {
    using emulator = new Emulator();
    await using tiny = await loadTiny(SHAPE, EMULATED);
    // With a trace the step is no graph that is replayed: each of its kernels is launched.
    using parent = await prefilled(tiny, { ...OPTIONS, trace: true });
    using reference = parent.fork();
    await NativeSession.decode([reference], [7]);
    const wanted = reference.logits(), ready = stateOf(parent);
    const live = tiny.model.usage().kv_bytes_live;
    let emptied = 0;
    const calls = await sweep(
      () => parent.fork(),
      (n) => fail(emulator, n),
      (session) => NativeSession.decode([session], [7]),
      async (session) => {
        const state = stateOf(session);
        const empty = state[0] === 0;
        emptied += Number(empty);
        assert.deepEqual(state.slice(0, 2), empty ? [0, 0] : ready.slice(0, 2));
        using again = parent.fork();
        await NativeSession.decode([again], [7]);
        assert.deepEqual(again.logits(), wanted);
      },
    );
    assert(calls >= 10 && emptied >= 5, `${calls} calls, ${emptied} sessions emptied`);
    assert.equal(tiny.model.usage().kv_bytes_live, live);
  });
}

Deno.test("a CUDA call that fails while a model is loaded says so, and everything is given back", async () => {
  using emulator = new Emulator();
  const before = emulator.used();
  const unnoticed: number[] = [];
  let n = 0;
  while (true) {
    emulator.failCall(++n, CUDA_ERRORS.notSupported);
    const failure = await failureOf(async () => {
      await using _ = await loadTiny(SHAPE, EMULATED);
    });
    if (!emulator.failCall(0)) break;
    assert.equal(emulator.used(), before, `after call ${n}`);
    if (failure === null) {
      unnoticed.push(n);
    } else {
      assert.equal(failure.status, "DEVICE");
      assertOneLine(failure);
    }
  }
  assert(n > 20, `${n} calls`);
  // The first asks how many devices there are: a driver that cannot say has none, which the next call explains. The
  // last waits for a model that is being freed.
  assert.deepEqual(unnoticed, [1, n - 1]);
});

for (const name of ["illegalAddress", "launchFailure"] as const) {
  for (const stage of ["prefill", "decode step"] as const) {
    Deno.test(`a device lost in a ${stage} (${name}) fails every call from then on, and all can be freed`, async () => {
      using emulator = new Emulator();
      await using tiny = await loadTiny(SHAPE, EMULATED);
      using session = await prefilled(tiny);
      using other = NativeSession.create(tiny.model, OPTIONS);
      emulator.failLaunch(5, CUDA_ERRORS[name]);
      const first = await failureOf(() =>
        stage === "prefill" ? other.prefill(PROMPT, { plan: PLAN }) : NativeSession.decode([session], [7])
      );
      const later = [
        await failureOf(() => other.prefill(PROMPT, { plan: PLAN })),
        await failureOf(() => prefilled(tiny)),
        await failureOf(() => loadTiny(SHAPE, EMULATED)),
      ];
      for (const failure of [first, ...later]) {
        assert.equal(failure?.status, "DEVICE");
        assertOneLine(failure!);
      }
      assert.match(first!.message, /CUDA says "/);
      const { usable, detail } = emulator.library.device(EMULATED.device);
      assert.equal(usable, false);
      assert.match(detail, /^the NVIDIA driver fails: /);
      // The CPU of the same process goes on.
      await using cpu = await loadTiny(SHAPE);
      using onCpu = await prefilled(cpu);
      assert(onCpu.logits().every(Number.isFinite));
      session[Symbol.dispose]();
      other[Symbol.dispose]();
      assert.equal(tiny.model.usage().kv_bytes_live, 0);
    });
  }
}

Deno.test("memory is back where it was after sessions and model are freed", async () => {
  using emulator = new Emulator();
  const before = emulator.used();
  {
    await using tiny = await loadTiny(SHAPE, EMULATED);
    using session = await prefilled(tiny);
    using fork = session.fork();
    await NativeSession.decode([session, fork], [1, 2]);
    assert(emulator.used() > before);
  }
  assert.equal(emulator.used(), before);
});
