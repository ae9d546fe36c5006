import assert from "node:assert/strict";

const lib = Deno.dlopen(new URL("../../build/librkv_test.so", import.meta.url), {
  rkvt_usable_threads: { parameters: [], result: "i32" },
  rkvt_pool_run: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  rkvt_pool_callers: { parameters: ["i32", "i32", "i32", "i32"], result: "i32" },
  rkvt_pool_throw: { parameters: ["i32", "i32"], result: "i32" },
}).symbols;

Deno.test("ThreadPool.run() runs every task of every region once", async (t) => {
  for (const threads of [1, 2, 3, 8]) {
    await t.step(`${threads} threads`, () => {
      for (const tasks of [1, 2, 5, 64]) {
        const done = new Int32Array(tasks), rounds = 2000;
        assert.equal(lib.rkvt_pool_run(threads, rounds, tasks, done), 0, "a worker number was used by two at a time");
        assert.deepEqual(done, new Int32Array(tasks).fill(rounds));
      }
    });
  }
});

Deno.test("ThreadPool.run() does nothing for no tasks", () => {
  assert.equal(lib.rkvt_pool_run(2, 3, 0, new Int32Array(1)), 0);
});

Deno.test("ThreadPool.run() takes calls from several threads and from inside tasks", () => {
  for (const threads of [1, 2, 4]) assert.equal(lib.rkvt_pool_callers(threads, 3, 200, 6), 3 * 200 * 6 * 6);
});

Deno.test("ThreadPool.run() throws what a task threw, and goes on to work", () => {
  for (const threads of [1, 2, 4]) {
    for (const tasks of [3, 4, 100]) assert.equal(lib.rkvt_pool_throw(threads, tasks), 1 + tasks);
  }
});

Deno.test("usable_threads() is at least one and no more than the machine has", () => {
  const threads = lib.rkvt_usable_threads();
  assert.ok(threads >= 1 && threads <= navigator.hardwareConcurrency, `${threads} threads`);
});
