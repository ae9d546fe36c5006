/** Texts of a list that Python or JSON wrote: `['a', "b"]`, `['a' 'b']` of numpy. Null for a text that is none. */
export function writtenList(text: string): string[] | null {
  if (!/^\s*\[(?:[\s,]*(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))*[\s,]*\]\s*$/s.test(text)) return null;
  const parts = text.matchAll(/'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gs);
  return [...parts].map(([, single, double]) => (single ?? double!).replaceAll(ESCAPE, unescaped));
}

const ESCAPE = /\\(u[\da-fA-F]{4}|x[\da-fA-F]{2}|.)/gs;
const NAMED: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

function unescaped(_all: string, what: string): string {
  return what.length > 1 ? String.fromCharCode(parseInt(what.slice(1), 16)) : NAMED[what] ?? what;
}
