/** Which prompts begin alike: what they share is prefilled once. */

/** A beginning of several prompts. */
export interface Trunk {
  /** Tokens of its prompts that are cached at its end; 0 at the root. */
  readonly cached: number;
  /** Prompts that go on alone from here, and longer beginnings, in the order of their first prompts. */
  readonly branches: readonly (number | Trunk)[];
  /** All prompts that begin so. */
  readonly prompts: readonly number[];
}

/** A prompt as far as it may be shared. */
export interface Beginning {
  readonly ids: readonly number[];
  /** Tokens from here on are every prompt's own. */
  readonly limit: number;
}

/**
 * The tree of the prompts' common beginnings.
 *
 * @param grain  Beginnings are whole multiples of so many tokens: with the chunk of a prefill, a prompt goes through the model
 *               in the same chunks whether or not it shares its beginning, so that its results are the same bits.
 */
export function prefixTree(prompts: readonly Beginning[], grain: number): Trunk {
  const blockOf = (prompt: number, at: number) => {
    const { ids, limit } = prompts[prompt]!;
    return at + grain <= limit ? ids.slice(at, at + grain).join() : `alone ${prompt}`;
  };
  const grow = (members: readonly number[], from: number): Trunk => {
    let cached = from;
    let groups = Map.groupBy(members, (prompt) => blockOf(prompt, cached));
    while (groups.size === 1 && members.length > 1) {
      cached += grain;
      groups = Map.groupBy(members, (prompt) => blockOf(prompt, cached));
    }
    const branches = [...groups.values()].map((group) => group.length > 1 ? grow(group, cached) : group[0]!);
    return { cached, branches, prompts: members };
  };
  const all = prompts.map((_, i) => i);
  const tree = grow(all, 0);
  return tree.cached === 0 ? tree : { cached: 0, branches: [tree], prompts: all };
}
