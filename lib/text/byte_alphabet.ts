/**
 * Byte-level BPE writes every byte as one printable character, so that its vocabulary and merges are readable text:
 * printable Latin-1 characters stand for themselves, the other bytes for U+0100 and up in byte order ("Ġ" is a space).
 */

const isPrintable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xff && byte !== 0xad);

/** Character of every byte. */
export const BYTE_TO_CHAR: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++));
})();

const CHAR_TO_BYTE: ReadonlyMap<string, number> = new Map(BYTE_TO_CHAR.map((char, byte) => [char, byte]));

/** The piece of a vocabulary that stands for these bytes. */
export function pieceOfBytes(bytes: Uint8Array): string {
  let piece = "";
  for (const byte of bytes) piece += BYTE_TO_CHAR[byte]!;
  return piece;
}

/** The bytes a piece stands for, or null where it holds a character outside the alphabet. */
export function bytesOfPiece(piece: string): Uint8Array | null {
  const bytes = new Uint8Array(piece.length);
  for (let i = 0; i < piece.length; i++) {
    const byte = CHAR_TO_BYTE.get(piece[i]!);
    if (byte === undefined) return null;
    bytes[i] = byte;
  }
  return bytes;
}
