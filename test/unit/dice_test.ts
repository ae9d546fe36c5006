import assert from "node:assert/strict";
import { Dice, philox } from "../../lib/tasks/dice.ts";

Deno.test("philox() gives the words of its authors' test vectors", () => {
  const words = (counter: number, stream: number, key: number) =>
    philox(counter, stream, key).map((word) => word.toString(16).padStart(8, "0")).join(" ");
  assert.equal(words(0, 0, 0), "ff1dae59 6cd10df2");
  assert.equal(words(0xffffffff, 0xffffffff, 0xffffffff), "2c3f628b ab4fd7ad");
  assert.equal(words(0x243f6a88, 0x85a308d3, 0x13198a2e), "dd7ce038 f62a4c12");
});

Deno.test("dice of other seeds and labels are others, and every face comes up", () => {
  const roll = (seed: number, label: string) => {
    const dice = new Dice(seed, label);
    return Array.from({ length: 600 }, () => dice.below(6));
  };
  assert.deepEqual(roll(1, "a"), roll(1, "a"));
  assert.notDeepEqual(roll(1, "a"), roll(2, "a"));
  assert.notDeepEqual(roll(1, "a"), roll(1, "b"));
  for (let face = 0; face < 6; face++) {
    const times = roll(1, "a").filter((found) => found === face).length;
    assert(times > 60 && times < 140, `${face} came up ${times} times in 600`);
  }
  const picked = new Dice(1, "sample").sample([1, 2, 3, 4], 4);
  assert.deepEqual(picked.toSorted(), [1, 2, 3, 4]);
});
