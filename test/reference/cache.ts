/** One KV head's cache in float64: what is stored, and which of it a query head may attend to. */

import { range, type Row } from "./ops.ts";

/** Slots in the order of their positions. A candidate is a slot that may be attended: all of them without lists. */
export class HeadCache {
  k: Row[] = [];
  v: Row[] = [];
  positions: number[] = [];
  /** Softmax weights that every slot received so far, summed over queries and group (H2O). */
  attention: number[] = [];
  /** One list for all query heads of the group, or one each. */
  #lists: number[][] | null = null;

  append(k: Row, v: Row, position: number): void {
    this.#lists?.forEach((list) => list.push(this.positions.length));
    this.k.push(k);
    this.v.push(v);
    this.positions.push(position);
    this.attention.push(0);
  }

  get length(): number {
    return this.positions.length;
  }

  /** Whether every query head has candidates of its own. */
  get perHead(): boolean {
    return (this.#lists?.length ?? 0) > 1;
  }

  /** Slots that a query head of the group may attend to, ascending. */
  candidates(head = 0): number[] {
    return this.#lists?.[this.perHead ? head : 0] ?? range(0, this.length);
  }

  /** A prefill attends to everything that is still there. */
  forgetLists(): void {
    this.#lists = null;
  }

  /** Attend to these ascending slots only, and to what is appended: one list for the group, or one per query head. */
  useLists(lists: number[][]): void {
    this.#lists = lists.map((list) => [...list]);
  }

  /** Drop everything but these ascending slots. */
  retain(slots: number[]): void {
    this.k = slots.map((s) => this.k[s]!);
    this.v = slots.map((s) => this.v[s]!);
    this.positions = slots.map((s) => this.positions[s]!);
    this.attention = slots.map((s) => this.attention[s]!);
    this.#lists = null;
  }

  fork(): HeadCache {
    const copy = new HeadCache();
    copy.k = [...this.k];
    copy.v = [...this.v];
    copy.positions = [...this.positions];
    copy.attention = [...this.attention];
    copy.#lists = this.#lists?.map((list) => [...list]) ?? null;
    return copy;
  }
}
