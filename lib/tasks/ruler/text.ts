/** Texts out of pieces, some of which are the gold. */
import type { Span } from "../sample.ts";

export interface Piece {
  readonly text: string;
  readonly gold?: boolean;
}

/** @returns The pieces joined, and where the gold ones are. */
export function joinPieces(pieces: readonly Piece[], separator: string, from = 0): { text: string; gold: Span[] } {
  const gold: Span[] = [];
  let at = from;
  for (const piece of pieces) {
    if (piece.gold) gold.push({ from: at, to: at + piece.text.length });
    at += piece.text.length + separator.length;
  }
  return { text: pieces.map(({ text }) => text).join(separator), gold };
}

/**
 * Put pieces between others, in their order.
 *
 * @param places  Of each inserted piece: how many of the others stand in front of it; ascending.
 */
export function insertAt(others: readonly Piece[], inserted: readonly Piece[], places: readonly number[]): Piece[] {
  const all: Piece[] = [];
  let from = 0;
  inserted.forEach((piece, i) => {
    all.push(...others.slice(from, places[i]!), piece);
    from = places[i]!;
  });
  return [...all, ...others.slice(from)];
}
