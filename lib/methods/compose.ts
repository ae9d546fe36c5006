/**
 * Expressions of methods: `adakv(snapkv)` wraps one, `minference+rocketkv` joins a sparse prefill with a method for
 * decoding. The result is a method like any other, with the parameters of all its parts.
 */

import { UsageError } from "../error.ts";
import { checkPlans } from "./check.ts";
import type { Method, PlanInput, Wrapper } from "./method.ts";
import type { LayerPlans, Plan } from "./plan.ts";
import { checkSettings } from "./settings.ts";

/** What names mean. @throws {UsageError} for an unknown one. */
export type Lookup = (name: string) => Method | Wrapper;

/**
 * The method that an expression names.
 *
 *     expression = part ("+" part)      one of them prefills sparsely
 *     part       = method | wrapper | wrapper "(" part ")"
 *
 * @throws {UsageError} for a text that is no expression, or parts that do not fit together.
 */
export function composeMethod(text: string, lookup: Lookup): Method {
  const fail = (reason: string) => new UsageError(`Cannot use --method "${text}": ${reason}`);
  const tokens = text.match(/[^()+\s]+|[()+]/g) ?? [];
  let at = 0;

  function part(): Method {
    const name = tokens[at++];
    if (name === undefined || /^[()+]$/.test(name)) {
      throw fail(`expected the name of a method, found ${name ?? "none"}`);
    }
    const found = lookup(name);
    if (tokens[at] !== "(") return isWrapper(found) ? wrap(found, lookup(found.inner) as Method, fail) : found;
    if (!isWrapper(found)) throw fail(`expected a wrapper in front of "(", found ${name}`);
    at++;
    const inner = part();
    if (tokens[at++] !== ")") throw fail(`expected ")" after ${inner.name}, found ${tokens[at - 1] ?? "none"}`);
    return wrap(found, inner, fail);
  }

  const parts = [part()];
  while (tokens[at] === "+") {
    at++;
    parts.push(part());
  }
  if (at < tokens.length) throw fail(`expected "+" or the end, found ${tokens[at]}`);
  return parts.length === 1 ? parts[0]! : join(parts, fail);
}

type Fail = (reason: string) => UsageError;

function isWrapper(found: Method | Wrapper): found is Wrapper {
  return "wrap" in found;
}

/** The plans of `inner`, changed by the wrapper wherever they evict. */
function wrap(wrapper: Wrapper, inner: Method, fail: Fail): Method {
  if (!inner.scoresHeads) {
    throw fail(
      `${wrapper.name} needs a method that evicts once by scores per KV head, such as snapkv: found ${inner.name}`,
    );
  }
  const twice = wrapper.parameters.some(({ name }) => inner.parameters.some((p) => p.name === name));
  if (twice) throw fail(`expected ${wrapper.name} at most once, found it twice`);
  const name = `${wrapper.name}(${inner.name})`;
  const parameters = [...wrapper.parameters, ...inner.parameters];
  return {
    ...inner,
    name,
    summary: `${inner.name}, but ${wrapper.summary}`,
    paper: wrapper.paper,
    parameters,
    plan(input) {
      checkSettings({ name, parameters }, input.set);
      const plans = inner.plan(settingsOf(inner, input));
      const wrapped = mapPlans(plans, (plan) => plan.evict === "score" ? wrapper.wrap(plan, input.set) : plan);
      checkPlans(name, wrapped, input);
      return wrapped;
    },
  };
}

/** The prefill of one part with the plans of the other. */
function join(parts: readonly Method[], fail: Fail): Method {
  const [prefill] = parts.filter(({ patterns }) => patterns);
  const [decode] = parts.filter(({ patterns }) => !patterns);
  if (parts.length !== 2 || prefill === undefined || decode === undefined) {
    throw fail(`"+" joins one method that prefills sparsely, such as minference, with one that does not`);
  }
  const name = `${prefill.name}+${decode.name}`;
  const names = new Set(decode.parameters.map((p) => p.name));
  const parameters = [...prefill.parameters.filter((p) => !names.has(p.name)), ...decode.parameters];
  return {
    name,
    summary: `${decode.name} behind the sparse prefill of ${prefill.name}`,
    paper: prefill.paper,
    parameters,
    files: [...prefill.files ?? [], ...decode.files ?? []],
    plan(input) {
      checkSettings({ name, parameters }, input.set);
      return decode.plan(settingsOf(decode, input));
    },
    patterns: (input) => prefill.patterns!(settingsOf(prefill, input)),
  };
}

/** The input with those settings only that a part knows. */
export function settingsOf({ parameters }: Method, input: PlanInput): PlanInput {
  const known = Object.entries(input.set).filter(([name]) => parameters.some((p) => p.name === name));
  return { ...input, set: Object.fromEntries(known) };
}

function mapPlans([first, ...rest]: LayerPlans, change: (plan: Plan) => Plan): LayerPlans {
  return [change(first), ...rest.map(change)];
}
